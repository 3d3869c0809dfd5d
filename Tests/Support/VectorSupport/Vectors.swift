import Foundation

/// The wire vectors, from the directory that `SERF_VECTORS` names, else from `Tests/Vectors`. A missing file is an error, never a reason to skip a
/// test.
package enum Vectors {
  /// The whole of one file.
  package static func file(_ name: String) throws -> JSON {
    let directory = ProcessInfo.processInfo.environment["SERF_VECTORS"].map { URL(fileURLWithPath: $0) } ?? ofPackage
    return try JSONDecoder().decode(JSON.self, from: Data(contentsOf: directory.appendingPathComponent(name)))
  }

  private static var ofPackage: URL {
    URL(fileURLWithPath: #filePath + "/../../../Vectors").standardizedFileURL
  }
}

/// One vector of `memberlist.json`.
package struct MemberlistVector: Sendable {
  package var name: String
  package var kind: String
  /// Nil if only a length and a checksum are given.
  package var bytes: [UInt8]?
  package var fields: JSON
  package var note: String

  /// All vectors of the given kinds, in the order of their names.
  package static func all(_ kinds: String...) throws -> [MemberlistVector] {
    try Vectors.file("memberlist.json")["vectors"].object.sorted { $0.key < $1.key }.map { name, vector in
      MemberlistVector(
        name: name, kind: vector["kind"].string ?? "", bytes: vector["hex"].hex, fields: vector["fields"],
        note: vector["note"].string ?? "")
    }.filter { kinds.isEmpty || kinds.contains($0.kind) }
  }
}
