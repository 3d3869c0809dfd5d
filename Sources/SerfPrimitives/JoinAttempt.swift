// Only `SerfError` and the nodes that throw it have a use for it.
#if !hasFeature(Embedded)
  /// One address of a join, and its result.
  ///
  /// A host with several addresses may have several attempts: each address that failed, and the one that answered. If the cluster refuses this node's
  /// name afterwards, an address that answered is reported as failed at the end of the join.
  public struct JoinAttempt: Hashable, Sendable, CustomStringConvertible {
    /// The address as the caller wrote it.
    public let address: String
    /// The address that was contacted for it; nil if none was contacted.
    public let contacted: NodeAddress?
    /// Why it was not joined; nil when the member there answered, and states were exchanged.
    public let reason: Reason?
    /// The reason in words, and what to try; "joined" without a reason.
    public let message: String

    /// The result of an address. `message` defaults to the reason's own words.
    public init(address: String, contacted: NodeAddress? = nil, reason: Reason?, message: String? = nil) {
      self.address = address
      self.contacted = contacted
      self.reason = reason
      self.message = message ?? reason?.description ?? "joined"
    }

    /// One line: `web-1.example.com (10.0.0.1:7946): no answer in time`.
    public var description: String { "\(place): \(message)" }

    private var place: String {
      guard let contacted = contacted?.description, address != contacted, !address.hasSuffix("/" + contacted) else { return address }
      return "\(address) (\(contacted))"
    }
  }

  extension JoinAttempt {
    /// Why an address was not joined.
    @nonexhaustive
    public enum Reason: Hashable, Sendable {
      /// The address is this node's own: neither a success nor a failure.
      case isSelf
      /// The caller asked for a member (`name/host`) that has this node's own name.
      case ownName
      /// Nothing answered at the address.
      case noAnswer
      /// No complete answer within the time allowed.
      case timedOut
      /// The member there is too busy, or takes no connections, now.
      case tooBusy
      /// We could not ask, because of a full queue or an error of this machine.
      case notSent
      /// We could not ask, because too many joins of this node run already.
      case tooManyJoins
      /// We did not ask, because this node is leaving.
      case leaving
      /// The connection broke, or the peer closed it without an answer.
      case connectionBroken
      /// The peer declined.
      case refused

      /// The host cannot be looked up; the text says why.
      case unresolved(String)
      /// What the caller wrote is no address; the text says why.
      case notAnAddress(String)
      /// The address is outside the allowed networks.
      case notAllowed

      /// One side does not accept the other's certificate.
      case certificateRefused(CertificateRefusal)
      /// Another member answers there than the one asked for.
      case otherName
      /// Another process has this node's name.
      case nameInUse
      /// The answer does not hold a live member of the name that the peer's certificate proves.
      case unproven
      /// The answer is sealed with a key that we do not have, or not sealed as ours are.
      case encryptionMismatch

      /// The answer cannot be read; the text says why.
      case unreadable(String)
      /// The protocol versions there do not fit ours.
      case incompatible
      /// This node's own filter refused the members there.
      case filtered
      /// The peer answered with an error of its own, escaped for printing.
      case remote(String)
      /// The member there tells its peers to reach it at this address, where no node can be.
      case unusableAddress(NodeAddress)
    }

    /// Whose certificate was refused. The log of the node that refused it says why.
    @nonexhaustive
    public enum CertificateRefusal: Hashable, Sendable {
      /// We refused the peer's.
      case theirs
      /// The peer refused ours.
      case ours
    }
  }

  extension JoinAttempt.Reason: CustomStringConvertible {
    /// A clause for people, without advice.
    public var description: String {
      switch self {
      case .isSelf: "it is this node itself"
      case .ownName: "the name asked for is this node's own"
      case .noAnswer: "no answer"
      case .timedOut: "no answer in time"
      case .tooBusy: "it is too busy now"
      case .notSent: "we could not send"
      case .tooManyJoins: "too many joins run already"
      case .leaving: "we are leaving"
      case .connectionBroken: "the connection broke"
      case .refused: "it refused us"
      case .unresolved(let why), .notAnAddress(let why): why
      case .notAllowed: "it is in none of the allowed networks"
      case .certificateRefused(let refusal): refusal.description
      case .otherName: "another node answers there"
      case .nameInUse: "our name is in use at another address"
      case .unproven: "its answer does not hold a live member with the name that its certificate proves"
      case .encryptionMismatch: "its answer cannot be decrypted, or is not encrypted as ours is"
      case .unreadable(let why): "its answer cannot be read: \(why)"
      case .incompatible: "its protocol versions do not fit ours"
      case .filtered: "its members were refused by our filter"
      case .remote(let text): "it answered: \(text)"
      case .unusableAddress(let address): "it tells its peers to reach it at \(address), where no node can be"
      }
    }
  }

  extension JoinAttempt.CertificateRefusal: CustomStringConvertible {
    /// A clause for people, without advice.
    public var description: String {
      switch self {
      case .theirs: "we refuse its certificate"
      case .ours: "it refuses our certificate"
      }
    }
  }
#endif
