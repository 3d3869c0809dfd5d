internal import CGnuTLS

/// Bytes that are overwritten when their last owner releases them: keys, and the texts and files that hold them.
///
/// An array cannot promise that: it is copied when it grows and when two owners change it, and what is freed keeps its content.
///
/// `@unchecked Sendable`: the bytes are written before the first owner has the object, and only read until the last one releases it.
package final class SecretBytes: @unchecked Sendable {
  /// Where the bytes are. For C code that keeps a pointer to them while the caller keeps this object; otherwise use ``withUnsafeBytes(_:)``.
  package let pointer: UnsafePointer<UInt8>
  package let count: Int
  /// The bytes that are overwritten at the end: those that count, and unused room behind them.
  package var capacity: Int { storage.count }
  private let storage: UnsafeMutableRawBufferPointer
  private let release: (UnsafeMutableRawBufferPointer) -> Void

  /// Takes over `storage`, of which the first `count` bytes count. `release` gets it back, overwritten.
  package init(
    adopting storage: UnsafeMutableRawBufferPointer, count: Int? = nil, release: @escaping (UnsafeMutableRawBufferPointer) -> Void
  ) {
    self.storage = storage
    self.release = release
    self.count = count ?? storage.count
    guard let base = storage.baseAddress, self.count <= storage.count else { preconditionFailure("there are not so many bytes") }
    pointer = UnsafePointer(base.assumingMemoryBound(to: UInt8.self))
  }

  /// `count` bytes, which `fill` writes. If it throws, the bytes are overwritten.
  package convenience init<Failure: Error>(
    count: Int, _ fill: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 1)
    let bytes = storage.initializeMemory(as: UInt8.self, repeating: 0)
    self.init(adopting: storage, count: count) { $0.deallocate() }
    try fill(UnsafeMutableBufferPointer(rebasing: bytes[..<count]))
  }

  /// Copies `bytes`. The owner of the original has to overwrite that.
  package convenience init(copying bytes: some Collection<UInt8>) {
    self.init(count: bytes.count) { _ = $0.update(fromContentsOf: bytes) }
  }

  deinit {
    cg_wipe(storage.baseAddress, storage.count)
    release(storage)
  }

  package func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeBufferPointer(start: pointer, count: count))
  }

  /// A copy, which the caller has to overwrite.
  package var copy: [UInt8] { withUnsafeBytes { Array($0) } }

  /// Gives `body` the bytes as an array, which is overwritten afterwards. `body` must not keep it.
  package func withArray<Result, Failure: Error>(_ body: ([UInt8]) throws(Failure) -> Result) throws(Failure) -> Result {
    var array = copy
    defer { array.withUnsafeMutableBytes { cg_wipe($0.baseAddress, $0.count) } }
    return try body(array)
  }

  /// Whether this word is somewhere in the bytes.
  package func contains(_ word: StaticString) -> Bool {
    withUnsafeBytes { bytes in
      word.withUTF8Buffer { word in
        bytes.count >= word.count && (0...bytes.count - word.count).contains { bytes[$0...].starts(with: word) }
      }
    }
  }
}

extension SecretBytes: Equatable {
  /// It takes the same time wherever the first difference is.
  package static func == (left: SecretBytes, right: SecretBytes) -> Bool {
    left.withUnsafeBytes { left in
      right.withUnsafeBytes { right in left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0 }
    }
  }
}
