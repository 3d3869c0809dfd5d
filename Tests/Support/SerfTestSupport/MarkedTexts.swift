package import SerfPrimitives

/// Texts that a cluster sends, each findable as bytes in what was on the wire.
package enum MarkedTexts {
  package static let names: [NodeName] = ["q7name1", "q7name2", "q7name3"]
  package static let tags = ["q7tag": "q7value"]
  package static let event = "q7event"
  package static let payload = Array("q7payload".utf8)
  package static let changedTags = ["q7tag": "q7other"]
  package static let markers = ["q7name1", "q7name2", "q7name3", "q7tag", "q7value", "q7event", "q7payload", "q7other"]
}

extension [UInt8] {
  /// Whether the bytes of `text` are somewhere in these.
  package func contains(_ text: String) -> Bool {
    let pattern = Array(text.utf8)
    guard let first = pattern.first, count >= pattern.count else { return false }
    return withUnsafeBufferPointer { bytes in
      (0...(bytes.count - pattern.count)).contains { start in
        bytes[start] == first && pattern.indices.allSatisfy { bytes[start + $0] == pattern[$0] }
      }
    }
  }
}
