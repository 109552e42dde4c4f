import Glibc

/// A read-only mapping of a whole file; unmapped when the last reference goes.
@safe package final class MappedFile: Sendable {
  package let path: String
  package let count: Int
  // The mapping is read-only and lives as long as this object.
  private nonisolated(unsafe) let base: UnsafeRawPointer

  package init(path: String) throws(CheckpointError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CheckpointError(
        file: path, field: "path", problem: "cannot be opened (\(unsafe String(cString: strerror(errno))))",
        remedy: "check the path and its permissions")
    }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
      throw CheckpointError(
        file: path, field: "path", problem: "is not a file with content", remedy: "give a model file")
    }
    let size = Int(status.st_size)
    guard let mapping = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), unsafe mapping != MAP_FAILED
    else {
      throw CheckpointError(
        file: path, field: "path", problem: "cannot be mapped (\(unsafe String(cString: strerror(errno))))",
        remedy: "free some address space")
    }
    self.path = path
    count = size
    unsafe base = UnsafeRawPointer(mapping)
  }

  deinit { unsafe munmap(UnsafeMutableRawPointer(mutating: base), count) }

  /// The bytes of a range that the caller has checked against `count`.
  package func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    let checked = range.clamped(to: 0..<count)
    return unsafe UnsafeRawBufferPointer(start: base + checked.lowerBound, count: checked.count)
  }

  /// Tells the kernel that a range will be read soon.
  package func willNeed(_ range: Range<Int>) { advise(range, MADV_WILLNEED) }

  /// Gives the memory of a range back; a later read fetches it from the file again.
  package func release(_ range: Range<Int>) { advise(range, MADV_DONTNEED) }

  private func advise(_ range: Range<Int>, _ advice: Int32) {
    let page = 4096
    let checked = range.clamped(to: 0..<count)
    let start =
      advice == MADV_DONTNEED ? (checked.lowerBound + page - 1) / page * page : checked.lowerBound / page * page
    let end = advice == MADV_DONTNEED ? checked.upperBound / page * page : checked.upperBound
    guard end > start else { return }
    unsafe madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, advice)
  }
}
