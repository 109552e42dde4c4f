/// Methods that templates may call, by type. The values cannot be changed, so methods that would are absent.
enum TemplateMethods {
  static let string: Set<String> = [
    "split", "rsplit", "splitlines", "strip", "lstrip", "rstrip", "startswith", "endswith", "replace", "find", "rfind",
    "upper", "lower", "title", "capitalize", "join", "format", "isdigit", "isalpha", "isalnum", "isspace", "isupper",
    "islower", "count", "index", "removeprefix", "removesuffix", "zfill", "partition", "rpartition", "encode",
  ]
  static let dictionary: Set<String> = ["get", "items", "keys", "values", "copy"]
  static let list: Set<String> = ["index", "count", "copy"]
}
