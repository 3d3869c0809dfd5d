package import SerfPrimitives

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads and writes the small files of credentials.
package enum CredentialFile {
  /// A CA bundle of dozens of authorities, or a long revocation list, fits; a huge file at a wrong path does not.
  package static let sizeMaximum = 1 << 20

  /// Who may read a file.
  package enum Privacy {
    case open
    /// Only its owner; `escape` is the setting that would allow more, if there is one.
    case secret(escape: SettingName?)
  }

  /// Reads a whole file that holds no secret. `what` and `setting`, which gave the path, are for the error's text.
  package static func read(_ path: String, what: String, setting: String, privacy: Privacy = .open) throws(CredentialsError) -> [UInt8] {
    try readSecret(path, what: what, setting: setting, privacy: privacy).copy
  }

  /// Reads a whole file into memory that is overwritten when it is not used any more.
  package static func readSecret(
    _ path: String, what: String, setting: String, privacy: Privacy
  ) throws(CredentialsError) -> SecretBytes {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, what: what, setting: setting, error: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, what: what, setting: setting, error: errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw unreadable(path, what: what, setting: setting, error: EISDIR) }
    if case .secret(let escape) = privacy, let mode = openMode(status) {
      throw CredentialsError(
        .keyReadableByOthers, file: path, cause: "the \(what) is open to group or others (mode \(mode))",
        nextStep: "run 'chmod 600 \(path)'" + (escape.map { ", or accept it with \($0)" } ?? ""))
    }
    // Room for what the file has now, and one byte more to see its end. A pipe says that it has nothing, and a file may grow meanwhile: then it is
    // the largest that is allowed. A buffer that grows leaves copies behind, so the small one is overwritten.
    let size = min(max(Int(status.st_size), 0), sizeMaximum)
    var storage = UnsafeMutableRawBufferPointer.allocate(byteCount: size + 1, alignment: 1)
    var (total, failure) = (0, Int32(0))
    while true {
      if total == storage.count {
        guard total <= sizeMaximum else { break }
        let small = SecretBytes(adopting: storage) { $0.deallocate() }
        storage = .allocate(byteCount: sizeMaximum + 1, alignment: 1)
        small.withUnsafeBytes { storage.copyMemory(from: UnsafeRawBufferPointer($0)) }
      }
      let count = readOnce(descriptor, UnsafeMutableRawBufferPointer(rebasing: storage[total...]))
      if count < 0, errno == EINTR { continue }
      if count < 0 { failure = errno }
      guard count > 0 else { break }
      total += count
    }
    let bytes = SecretBytes(adopting: storage, count: total) { $0.deallocate() }
    if failure != 0 { throw unreadable(path, what: what, setting: setting, error: failure) }
    guard bytes.count <= sizeMaximum else {
      throw CredentialsError(
        .tooLarge, file: path, cause: "the \(what) file is larger than 1 MiB", nextStep: "check the path given with \(setting)")
    }
    guard bytes.count > 0 else {
      throw CredentialsError(.empty, file: path, cause: "the \(what) file is empty", nextStep: "check the path given with \(setting)")
    }
    return bytes
  }

  /// The mode of a file that users other than its owner may read, such as `0644`.
  package static func openMode(of path: String) -> String? {
    var status = stat()
    return stat(path, &status) == 0 ? openMode(status) : nil
  }

  private static func openMode(_ status: stat) -> String? {
    status.st_mode & 0o077 == 0 ? nil : "0" + String(status.st_mode & 0o777, radix: 8)
  }

  /// Writes a new file, which is durable when this returns. An existing file is replaced only with `overwrite`, and then in one step.
  package static func write(_ bytes: [UInt8], to path: String, mode: UInt32, overwrite: Bool) throws(CredentialsError) {
    try write(SecretBytes(copying: bytes), to: path, mode: mode, overwrite: overwrite)
  }

  /// The same for a secret.
  package static func write(_ bytes: SecretBytes, to path: String, mode: UInt32, overwrite: Bool) throws(CredentialsError) {
    try requireFree([path], overwrite: overwrite)
    let temporary = "\(path).new.\(getpid())"
    // A process of the same number, as in a container, may have been killed while it wrote.
    if overwrite { unlink(temporary) }
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(mode))
    guard descriptor >= 0 else { throw notWritable(path, error: errno) }
    var failure: Int32 = fchmod(descriptor, mode_t(mode)) == 0 ? 0 : errno
    bytes.withUnsafeBytes { bytes in
      var rest = UnsafeRawBufferPointer(bytes)[...]
      while failure == 0, !rest.isEmpty {
        let count = writeOnce(descriptor, UnsafeRawBufferPointer(rebasing: rest))
        if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { failure = errno }
      }
    }
    if failure == 0, fsync(descriptor) != 0 { failure = errno }
    if close(descriptor) != 0, failure == 0 { failure = errno }
    // link() refuses an existing name, so two writers cannot both believe that they made the file.
    if failure == 0 {
      if overwrite ? rename(temporary, path) != 0 : link(temporary, path) != 0 { failure = errno }
    }
    if failure != 0 || !overwrite { unlink(temporary) }
    if failure == EEXIST { throw exists(path) }
    if failure != 0 { throw notWritable(path, error: failure) }
    // The name is durable only when the directory is. The new content stands there, so a directory that cannot be synchronised is no failure.
    let directory = open(directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The file that `path` means: where it leads if it is a symbolic link.
  package static func target(of path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Fails for the first of these files that exists already, before anything is written.
  package static func requireFree(_ paths: [String], overwrite: Bool) throws(CredentialsError) {
    guard !overwrite, let taken = paths.first(where: { access($0, F_OK) == 0 }) else { return }
    throw exists(taken)
  }

  private static func exists(_ path: String) -> CredentialsError {
    CredentialsError(
      .exists, file: path, cause: "the file exists already", nextStep: "remove it, or write to another one")
  }

  /// Makes a directory and all missing directories above it.
  package static func makeDirectory(_ path: String) throws(CredentialsError) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      guard mkdir(String(path[..<end]), 0o755) != 0, errno != EEXIST, end == path.endIndex || errno != EACCES else { continue }
      throw CredentialsError(
        .notWritable, file: path, cause: "the directory cannot be made (\(String(cString: strerror(errno))))",
        nextStep: "choose another directory")
    }
  }

  private static func unreadable(_ path: String, what: String, setting: String, error: Int32) -> CredentialsError {
    error == ENOENT
      ? CredentialsError(.missing, file: path, cause: "the \(what) file does not exist", nextStep: "check the path given with \(setting)")
      : CredentialsError(
        .unreadable, file: path, cause: "the \(what) file cannot be read (\(String(cString: strerror(error))))",
        nextStep: "check the path given with \(setting) and that this user may read it")
  }

  private static func notWritable(_ path: String, error: Int32) -> CredentialsError {
    CredentialsError(
      .notWritable, file: path, cause: "the file cannot be written (\(String(cString: strerror(error))))",
      nextStep: "check that the directory exists and that this user may write to it")
  }

  private static func readOnce(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    #else
      Musl.read(descriptor, buffer.baseAddress, buffer.count)
    #endif
  }

  private static func writeOnce(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      Musl.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }
}
