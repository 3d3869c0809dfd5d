public import SerfPrimitives

/// The result of one address of a join, reported as soon as it is known: see ``SerfNode/join(_:ignoreOld:onReport:)``.
///
/// A host with several addresses may be reported more than once: each address that failed, and the one that answered. If the cluster refuses this
/// node's name afterwards, an address that answered is reported as failed at the end of the join.
public struct JoinReport: Hashable, Sendable, CustomStringConvertible {
  /// The possible results of an address.
  public enum Outcome: Hashable, Sendable {
    /// The member there answered, and states were exchanged.
    case joined
    /// It is this node's own address: neither a success nor a failure.
    case ourselves
    /// Why not, and what to try.
    case failed(String)
  }

  /// The address as the caller wrote it.
  public let text: String
  /// The address that was contacted for it; nil if none was contacted.
  public let address: NodeAddress?
  /// The result.
  public let outcome: Outcome

  /// One line: `web-1.example.com (10.0.0.1:7946): no answer in time`.
  public var description: String {
    let reason =
      switch outcome {
      case .joined: "joined"
      case .ourselves: "it is this node itself"
      case .failed(let reason): reason
      }
    return "\(place): \(reason)"
  }

  private var place: String {
    guard let address = address?.description, text != address, !text.hasSuffix("/" + address) else { return text }
    return "\(text) (\(address))"
  }
}
