/// gpt-oss's calls alone, for texts whose reasoning is of no interest.
struct HarmonyCallParser: CallParser {
  private var parser = HarmonyParser()

  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter) { parser.advance(&input, &output) }
}
