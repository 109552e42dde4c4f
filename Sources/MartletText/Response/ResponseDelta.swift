/// A piece of an answer whose meaning is certain. Pieces of one kind joined give the field of the whole answer.
package enum ResponseDelta: Sendable, Equatable {
  case content(String)
  case reasoning(String)
  /// A call begins; `index` counts the answer's calls from 0. `id` is what the model itself wrote, if its format has ids.
  case call(index: Int, id: String?, name: String)
  /// A piece of the JSON text of a call's arguments.
  case arguments(index: Int, String)
}
