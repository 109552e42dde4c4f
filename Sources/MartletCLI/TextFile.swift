import Foundation
import Martlet

/// A file that a flag or an argument names.
enum TextFile {
  /// - Throws: what is wrong with the file, in one line.
  static func read(_ path: String) throws -> String {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw MartletError(.request, "\(path) does not exist")
    }
    guard !isFolder.boolValue, let data = FileManager.default.contents(atPath: path) else {
      throw MartletError(.request, "\(path) cannot be read as a file")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw MartletError(.request, "\(path) is not UTF-8 text")
    }
    return text
  }
}
