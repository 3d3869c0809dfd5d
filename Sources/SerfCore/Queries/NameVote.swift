import SerfPrimitives

/// The vote on which of two nodes keeps a name, where names are not proven (`serf.md` section 11).
///
/// ```
///  another node has our name ──ping──▶ it answers ──query──▶ the members say where our name is ──▶ we stay, or we stop
///                                  └─▶ silence: the address is our own past, and there is nothing to vote on
/// ```
struct NameVote: Sendable {
  enum Stage: Hashable, Sendable {
    case asking(PingNumber)
    case voting(SerfQuery.ID)
  }

  /// Names the ping of one vote.
  typealias PingNumber = UInt64

  /// Where the other node is.
  let rival: NodeAddress
  var stage: Stage
  private(set) var tally = NameTally()

  init(rival: NodeAddress, ping: PingNumber) {
    self.rival = rival
    stage = .asking(ping)
  }

  /// A member said at which address the name is; nil if it knows no such member.
  mutating func count(_ address: NodeAddress?, ours: NodeAddress) {
    tally.answers += 1
    if let address, address.isSameEndpoint(as: ours) { tally.forUs += 1 }
  }
}

/// How the members voted on our name.
package struct NameTally: Hashable, Sendable {
  /// How many of them answered.
  package var answers = 0
  /// How many of these have our address for the name.
  package var forUs = 0

  package init(answers: Int = 0, forUs: Int = 0) {
    self.answers = answers
    self.forUs = forUs
  }

  /// Whether we keep the name: with a majority of the answers, and where no member answered at all. Go's nodes both stop in that case.
  package var keepsName: Bool { answers == 0 || forUs >= answers / 2 + 1 }
}
