import MartletText
import Testing

@Suite struct ChatTemplateTests {
  private func render(_ source: String, _ context: JSONObject = JSONObject()) throws -> String {
    try ChatTemplate(source: source).render(context, now: .fixed(1_700_000_000))
  }

  @Test(arguments: [
    ("{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }}", "3 -4 1 2 1024 3.5"),
    ("{{ 'a' ~ 1 ~ none }} {{ [1, 'x', true] }} {{ {'k': 1.0} }}", "a1None [1, 'x', True] {'k': 1.0}"),
    ("{% for i in range(3) %}{{ loop.index }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3"),
    ("{% for i in [] %}x{% else %}none{% endfor %}", "none"),
    ("{% set ns = namespace(n=0) %}{% for i in [1,2,3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6"),
    ("{% macro m(a, b='z') %}{{ a }}{{ b }}{% endmacro %}{{ m('x') }}{{ m('x', b='y') }}", "xzxy"),
    ("a  {%- if true -%}  b  {%- endif %}  c", "ab  c"),
    ("  {% if true %}\nx\n  {% endif %}\ny", "x\ny"),
    ("{{ 'Hello'[1:3] }} {{ 'Hello'[::-1] }} {{ [1,2,3][-1] }}", "el olleH 3"),
    ("{{ {'b': [1, 'ü']}|tojson }} {{ [1]|tojson(indent=2) }}", "{\"b\": [1, \"ü\"]} [\n  1\n]"),
    ("{{ ' x '|trim }}|{{ 'a,b'.split(',')|join('+') }}|{{ missing|default('d') }}", "x|a+b|d"),
    ("{{ 'x' in 'xyz' and 3 not in [1, 2] }} {{ 1 < 2 < 3 }}", "True True"),
    (
      "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}",
      "013"
    ),
    ("{% raw %}{{ x }}{% endraw %}{# gone #}!", "{{ x }}!"),
    ("{{ strftime_now('%Y-%m-%d') }}", "2023-11-14"),
    ("{% if x is defined %}a{% elif y is not defined %}b{% endif %}", "b"),
    ("{{ [{'a': 1}, {'a': 2}]|selectattr('a', 'equalto', 2)|map(attribute='a')|list }}", "[2]"),
    ("{% set t %}  q{% endset %}{{ t|trim|upper }}", "Q"),
  ])
  func rendersAsJinjaDoes(source: String, expected: String) throws {
    #expect(try render(source) == expected)
  }

  @Test func faultsHaveAPlace() throws {
    let error = #expect(throws: TemplateError.self) { try ChatTemplate(source: "a\n{% if %}") }
    #expect(error?.line == 2)
    #expect(error?.kind == .syntax)
    let raised = #expect(throws: TemplateError.self) { try render("{{ raise_exception('no tools') }}") }
    #expect(raised?.kind == .raised)
    #expect(raised?.message == "no tools")
  }

  @Test(arguments: [
    "{% for i in range(100000000) %}{% endfor %}", "{{ 'x' * 99999999999 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ 9223372036854775807 + 1 }}", "{{ 1 // 0 }}",
  ])
  func budgetsEndHostileTemplates(source: String) {
    #expect(throws: TemplateError.self) { try render(source) }
  }

  @Test(arguments: [
    "{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
    "{% for i in range(100000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x == ns.x }}",
    "{% for i in range(100000) %}{% set ns.x = {'a': ns.x}.get %}{% endfor %}",
    "{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
  ])
  func deepAndHugeValuesAreRefused(source: String) {
    let error = #expect(throws: TemplateError.self) { try render("{% set ns = namespace(x=1) %}" + source) }
    #expect(error?.kind == .budgetExceeded)
  }

  @Test(arguments: [
    "{% set ns.x = namespace(x=ns.x) %}", "{% set y = ns.x %}{% macro m() %}{{ y }}{% endmacro %}{% set ns.x = m %}",
    "{% set ns.x = ns.x|map('string') %}", "{% set ns.x = cycler(ns.x) %}",
  ])
  func aLongChainOfObjectsIsFreed(step: String) throws {
    let source = "{% set ns = namespace(x=[]) %}{% for i in range(50000) %}\(step){% endfor %}done"
    #expect(try render(source) == "done")
  }

  @Test(arguments: [
    ("a\n{{ x|nope }}", 2, 6, "there is no filter 'nope'"), ("{{ x is nope }}", 1, 9, "there is no test 'nope'"),
    ("{% filter nope %}{% endfilter %}", 1, 11, "there is no filter 'nope'"),
    ("{% for i in x %}\n {{ i|urlize }}{% endfor %}", 2, 7, "the filter 'urlize' is not supported"),
    ("{% break %}", 1, 4, "'break' is outside of a loop"), ("a\nb {% nope %}", 2, 6, "there is no statement 'nope'"),
    ("{% if x %}", 1, 11, "the template ends where 'elif' or 'else' or 'endif' is expected"),
    ("{{ x }", 1, 6, "unexpected '}'"),
  ])
  func templatesAreRefusedBeforeTheyRender(source: String, line: Int, column: Int, message: String) {
    let error = #expect(throws: TemplateError.self) { try ChatTemplate(source: source) }
    #expect(error == TemplateError(kind: .syntax, message: message, line: line, column: column))
  }

  /// As jinja2: a template may ask for what only another version has, if it does not come there.
  @Test func unknownFiltersInsideConditionsFailWhereTheyAreReached() throws {
    let source = "{% if x %}\n{{ 1|nope }}{% endif %}ok"
    #expect(try render(source) == "ok")
    let error = #expect(throws: TemplateError.self) { try render(source, JSONObject([("x", .bool(true))])) }
    #expect(error?.line == 2)
  }

  @Test func errorsOfOperationsHaveThePlaceOfTheirExpression() {
    let error = #expect(throws: TemplateError.self) { try render("ab\n{% set a = 1 %}{{ a + 'x' }}") }
    #expect(
      error == TemplateError(kind: .evaluation, message: "'+' does not work between int and str", line: 2, column: 21))
  }

  @Test func everyPrefixOfATemplateIsAnErrorOrATemplate() {
    let source =
      "{% macro m(a='x') %}{{ a|default(1)[1:2] }}{% endmacro %}{% for x in y if x %}{{ {'a': [1, (2, 3)]} }}{% endfor %}"
    for length in 0...source.count {
      _ = try? ChatTemplate(source: String(source.prefix(length))).render(JSONObject())
    }
    let deep = String(repeating: "(", count: 100_000)
    #expect(throws: TemplateError.self) { try ChatTemplate(source: "{{ \(deep)") }
  }
}
