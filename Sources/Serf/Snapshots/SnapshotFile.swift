import SerfCore
import SerfPrimitives
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A snapshot file on the disk. Its functions block, so they run on a thread of their own, one after the other.
///
/// A new file is written beside the old one, made durable, and renamed over it: whenever the machine stops, one of the two is there, and whole.
package final class SnapshotFile: Sendable {
  /// The file; what the path's symbolic links lead to, so that a new file does not replace the link.
  private let path: String
  /// Where a new file is written, and where a Go agent has its only copy for a moment.
  private var newPath: String { path + ".compact" }
  /// The file that lines are appended to; nil before the first ``replace(with:)``, and after a failure.
  private let descriptor = Mutex<Int32?>(nil)

  package init(path: String) { self.path = Self.resolved(path) }

  deinit {
    descriptor.withLock { descriptor in
      if let descriptor { close(descriptor) }
    }
  }

  // MARK: Reading

  /// Why a snapshot cannot be kept at this path at all: an operator's mistake, and not a disk's failure.
  package struct Unusable: Error {
    package let failure: SnapshotFailure
  }

  /// What the file contains; nil when there is none.
  package func read() throws -> [UInt8]? {
    // A Go agent removes the old file before it renames the new one.
    guard let bytes = try read(path) else { return try read(newPath) }
    return bytes
  }

  private func read(_ path: String) throws -> [UInt8]? {
    // Without O_NONBLOCK a named pipe would wait for its other end.
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else {
      let failure = failure("open", path)
      switch failure.code {
      case ENOENT where isDirectory: return nil
      case ENOENT, EACCES, EPERM, ENOTDIR, ELOOP, ENAMETOOLONG, ENXIO: throw Unusable(failure: failure.failure)
      default: throw failure.failure
      }
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("stat", path).failure }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Unusable(failure: SnapshotFailure("open \(path)", status.st_mode & S_IFMT == S_IFDIR ? "it is a directory" : "it is no file"))
    }
    // No agent makes such a file. What counts is at its end.
    if status.st_size > Self.sizeLimit { lseek(file, status.st_size - off_t(Self.sizeLimit), SEEK_SET) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(Int(status.st_size), Self.sizeLimit))
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < Self.sizeLimit {
      let count = buffer.withUnsafeMutableBytes { readOnce(file, $0) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", path).failure }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  /// Whether there is a directory for the file.
  private var isDirectory: Bool {
    var status = stat()
    return stat(directory, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  // MARK: Writing

  /// Does what the core wants; returns the size of the file.
  package func perform(_ order: SnapshotOrder) -> Result<Int, SnapshotFailure> {
    Result { () throws(SnapshotFailure) in
      switch order {
      case .append(let bytes, let isDurable): return try append(bytes, isDurable: isDurable)
      case .replace(let state, let hasLeft):
        var bytes: [UInt8] = []
        state.encode(hasLeft: hasLeft, into: &bytes)
        try replace(with: bytes)
        return bytes.count
      }
    }
  }

  private func append(_ bytes: [UInt8], isDurable: Bool) throws(SnapshotFailure) -> Int {
    guard let file = descriptor.withLock({ $0 }) else { throw SnapshotFailure("append to \(path)", "it is not open") }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("stat", path).failure }
    // What goes into a file without a name is lost.
    guard status.st_nlink > 0 else { throw SnapshotFailure("append to \(path)", "it was removed, or another node writes there") }
    try write(bytes, to: file, path)
    if isDurable, fsync(file) != 0 { throw failure("sync", path).failure }
    return Int(status.st_size) + bytes.count
  }

  private func replace(with bytes: [UInt8]) throws(SnapshotFailure) {
    var old = stat()
    let isThere = stat(path, &old) == 0
    let file = open(newPath, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
    guard file >= 0 else { throw failure("open", newPath).failure }
    do throws(SnapshotFailure) {
      if isThere {
        // So that an agent that runs as another user can go on with it. Only root can do that.
        if geteuid() == 0 { fchown(file, old.st_uid, old.st_gid) }
        guard fchmod(file, old.st_mode & 0o777) == 0 else { throw failure("chmod", newPath).failure }
      }
      try write(bytes, to: file, newPath)
      guard fsync(file) == 0 else { throw failure("sync", newPath).failure }
      guard rename(newPath, path) == 0 else { throw failure("rename to", path).failure }
    } catch {
      close(file)
      // On a full disk it would be in the way of its successor.
      unlink(newPath)
      throw error
    }
    let previous = descriptor.withLock { descriptor in
      defer { descriptor = file }
      return descriptor
    }
    if let previous { close(previous) }
    // The new name must survive too. Some file systems cannot do this; then the rename may be undone by a crash, and the old file is there.
    let parent = open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    guard parent >= 0 else { return }
    fsync(parent)
    close(parent)
  }

  private func write(_ bytes: [UInt8], to file: Int32, _ path: String) throws(SnapshotFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { writeOnce(file, $0) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("write", path).failure }
      rest = rest.dropFirst(count)
    }
  }

  // MARK: Names and reasons

  private var directory: String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func resolved(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The system's reason, which must be asked for before anything else is.
  private func failure(_ what: String, _ path: String) -> (code: Int32, failure: SnapshotFailure) {
    let code = errno
    return (code, SnapshotFailure("\(what) \(path)", String(cString: strerror(code))))
  }

  /// More than any agent writes: the lines of a million members.
  private static let sizeLimit = 64 << 20
}

/// Inside of the type, `read` and `write` are its own functions.
private func readOnce(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int { read(file, buffer.baseAddress, buffer.count) }
private func writeOnce(_ file: Int32, _ buffer: UnsafeRawBufferPointer) -> Int { write(file, buffer.baseAddress, buffer.count) }
