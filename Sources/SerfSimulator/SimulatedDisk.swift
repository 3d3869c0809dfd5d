package import SerfCore

/// A snapshot file in memory, which outlives the node that writes it.
package final class SimulatedDisk {
  /// The file; nil before the first write.
  package var file: [UInt8]?
  /// Set to let every write fail.
  package var failure: SnapshotFailure?
  /// How often the file was replaced, and how many writes failed.
  package private(set) var replacements = 0
  package private(set) var failures = 0

  package init(_ file: [UInt8]? = nil) { self.file = file }

  func perform(_ order: SnapshotOrder) -> Result<Int, SnapshotFailure> {
    if let failure {
      failures += 1
      return .failure(failure)
    }
    switch order {
    case .append(let bytes, _): file = (file ?? []) + bytes
    case .replace(let state, let hasLeft):
      var bytes: [UInt8] = []
      state.encode(hasLeft: hasLeft, into: &bytes)
      file = bytes
      replacements += 1
    }
    return .success(file?.count ?? 0)
  }
}
