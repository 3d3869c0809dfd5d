public import SerfPrimitives

/// What this node knows about one member of the cluster, or about itself.
public struct SerfMember: Hashable, Sendable {
  /// The name, unique in the cluster.
  public var name: NodeName
  /// The address at which the member is reached, as it advertises it.
  public var address: NodeAddress
  /// Its tags. Each byte of a peer that is not UTF-8 appears here as `\xNN`.
  public var tags: [String: String]
  /// Alive or not, to this node's knowledge.
  public var status: MemberStatus
  /// The protocol versions that it announces.
  public var versions: Versions

  /// A member with these properties.
  public init(name: NodeName, address: NodeAddress, tags: [String: String], status: MemberStatus, versions: Versions) {
    self.name = name
    self.address = address
    self.tags = tags
    self.status = status
    self.versions = versions
  }
}

/// The stage of a member's life. The raw values are Serf's wire numbers (`serf.md` section 3, message 6), so there will be no other.
public enum MemberStatus: UInt8, Hashable, Sendable, CaseIterable {
  /// Nothing is known.
  case unknown = 0
  /// Up, as far as probes tell.
  case alive = 1
  /// It, or an operator on its behalf, announced that it leaves; it still answers.
  case leaving = 2
  /// Left the cluster on purpose.
  case left = 3
  /// Failed without announcing that it leaves.
  case failed = 4
}

extension MemberStatus: CustomStringConvertible {
  /// The word that Serf's command line prints.
  public var description: String {
    switch self {
    case .unknown: "none"
    case .alive: "alive"
    case .leaving: "leaving"
    case .left: "left"
    case .failed: "failed"
    }
  }
}

extension SerfMember {
  /// The protocol versions that a member states: of the gossip layer and of Serf above it.
  public struct Versions: Hashable, Sendable {
    /// The oldest gossip protocol that the member understands.
    public var protocolMinimum: UInt8
    /// The newest gossip protocol that the member understands.
    public var protocolMaximum: UInt8
    /// The gossip protocol that the member speaks.
    public var protocolCurrent: UInt8
    /// The oldest Serf protocol that the member understands.
    public var delegateMinimum: UInt8
    /// The newest Serf protocol that the member understands.
    public var delegateMaximum: UInt8
    /// The Serf protocol that the member speaks.
    public var delegateCurrent: UInt8

    /// Six versions; the default is what this implementation states.
    public init(
      protocolMinimum: UInt8 = 1, protocolMaximum: UInt8 = 5, protocolCurrent: UInt8 = 2,
      delegateMinimum: UInt8 = 2, delegateMaximum: UInt8 = 5, delegateCurrent: UInt8 = 5
    ) {
      self.protocolMinimum = protocolMinimum
      self.protocolMaximum = protocolMaximum
      self.protocolCurrent = protocolCurrent
      self.delegateMinimum = delegateMinimum
      self.delegateMaximum = delegateMaximum
      self.delegateCurrent = delegateCurrent
    }
  }
}
