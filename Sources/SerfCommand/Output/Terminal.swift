#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Standard output for results, standard error for problems; each call writes whole lines.
enum Terminal {
  /// A result. If the reader has gone (`| head`), the program ends without a message, like other tools.
  static func output(_ text: String) { write(text + "\n") }

  /// Whole lines with their newlines, as a result.
  static func write(_ lines: String) {
    if !write(lines, to: STDOUT_FILENO) { exit(1) }
  }

  /// A problem, or help.
  static func problem(_ text: String) {
    _ = write(text.hasSuffix("\n") ? text : text + "\n", to: STDERR_FILENO)
  }

  private static func write(_ text: String, to descriptor: Int32) -> Bool {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        bytes = bytes.dropFirst(written)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }

  private static let systemWrite = write(_:_:_:) as @Sendable (Int32, UnsafeRawPointer?, Int) -> Int
}

extension String {
  /// Padded with spaces to `width` code points.
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - unicodeScalars.count))
  }
}
