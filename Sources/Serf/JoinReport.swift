public import SerfPrimitives

/// What became of one address of a join, told as soon as it is known: see ``SerfNode/join(_:ignoreOld:onReport:)``.
///
/// A host with several addresses may be reported more than once: each that failed, and the one that answered. One that answered is reported as
/// failed at the end of the join if the cluster then refuses this node's name.
public struct JoinReport: Hashable, Sendable, CustomStringConvertible {
  /// What can become of an address.
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
  /// What was contacted for it; nil where it did not come to that.
  public let address: NodeAddress?
  /// What became of it.
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
