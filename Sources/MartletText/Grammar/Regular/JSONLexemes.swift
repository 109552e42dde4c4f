/// The expressions that almost every JSON grammar uses. They are made first in every arena, in this order, so that
/// their ids and what is cached for them are the same in all grammars.
struct JSONLexemes: Sendable {
  /// One character of a string, any spelling that RFC 8259 allows; surrogates in pairs.
  let freeCharacter: RegularID
  /// One character in its shortest spelling.
  let character: RegularID
  /// A quoted string of free characters.
  let freeString: RegularID
  /// A quoted string in its shortest spelling; names of members are written so.
  let string: RegularID
  let number: RegularID
  /// An integer in decimal digits.
  let integer: RegularID
  let boolean: RegularID
  let null: RegularID
  let quote: RegularID
  /// Any white space between tokens.
  let whitespace: RegularID

  init(_ arena: inout RegularArena) {
    func set(_ text: String) -> ByteSet { ByteSet(text.utf8) }
    let digit = arena.bytes(ByteSet(0x30...0x39))
    let hex = arena.bytes(set("0123456789abcdefABCDEF"))
    let backslash = arena.literal("\\", .plain)
    let quote = arena.literal("\"", .plain)
    let plain = arena.utf8(CodePointSet.all.subtracting(CodePointSet([0...0x1F, 0x22...0x22, 0x5C...0x5C])))
    let two = arena.sequence(hex, hex)
    let notSurrogate = arena.choice(
      arena.sequence([arena.bytes(set("0123456789abcefABCEF")), hex, two]),
      arena.sequence([arena.bytes(set("dD")), arena.bytes(set("01234567")), two]))
    let pair = arena.sequence([
      arena.bytes(set("dD")), arena.bytes(set("89abAB")), two, backslash, arena.literal("u", .plain),
      arena.bytes(set("dD")), arena.bytes(set("cdefCDEF")), two,
    ])
    let unicode = arena.sequence(arena.literal("u", .plain), arena.choice(notSurrogate, pair))
    let escape = arena.choice(arena.bytes(set("\"\\/bfnrt")), unicode)
    freeCharacter = arena.choice(plain, arena.sequence(backslash, escape))
    character = arena.character(.all, .json)
    freeString = arena.sequence([quote, arena.star(freeCharacter), quote])
    string = arena.sequence([quote, arena.star(character), quote])
    let digits = arena.plus(digit)
    let whole = arena.choice(
      arena.literal("0", .plain), arena.sequence(arena.bytes(set("123456789")), arena.star(digit)))
    integer = arena.sequence(arena.optional(arena.literal("-", .plain)), whole)
    let fraction = arena.optional(arena.sequence(arena.literal(".", .plain), digits))
    let exponent = arena.optional(
      arena.sequence([arena.bytes(set("eE")), arena.optional(arena.bytes(set("+-"))), digits]))
    number = arena.sequence([integer, fraction, exponent])
    boolean = arena.oneOf([Array("true".utf8), Array("false".utf8)])
    null = arena.literal("null", .plain)
    self.quote = quote
    whitespace = arena.star(arena.bytes(set(" \t\n\r")))
  }
}
