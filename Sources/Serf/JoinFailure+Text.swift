import Memberlist
import SerfPrimitives

extension JoinFailure {
  /// Whether an answer came from the address, although not the expected one.
  var isAnswer: Bool {
    switch self {
    case .contact(.noContact), .contact(.deadline), .contact(.ourselves), .contact(.notSent), .leaving, .tooMany: false
    case .contact, .remote, .malformed, .unproven, .nameInUse, .versionMismatch, .filtered, .unusableAddress: true
    }
  }

  /// Whether the same address may take this node later, without an operator's help.
  var mayPass: Bool {
    switch self {
    case .contact(.refused), .contact(.identityMismatch), .contact(.peerCertificateRefused), .contact(.ownCertificateRefused),
      .contact(.unreadable):
      false
    case .contact, .malformed(.empty), .leaving, .tooMany: true
    case .remote, .malformed, .unproven, .nameInUse, .versionMismatch, .filtered, .unusableAddress: false
    }
  }

  /// Why an address was not joined, as a program reads it.
  ///
  /// - Parameter asksForUs: whether the address was written with this node's own name.
  func reason(asksForUs: Bool) -> JoinAttempt.Reason {
    switch self {
    case .contact(.refused) where asksForUs, .contact(.identityMismatch) where asksForUs: .ownName
    case .contact(.noContact): .noAnswer
    case .contact(.deadline): .timedOut
    case .contact(.overloaded): .tooBusy
    case .contact(.refused): .refused
    case .contact(.identityMismatch): .otherName
    case .contact(.peerCertificateRefused): .certificateRefused(.theirs)
    case .contact(.ownCertificateRefused): .certificateRefused(.ours)
    case .contact(.unreadable): .encryptionMismatch
    case .contact(.broken), .malformed(.empty): .connectionBroken
    case .contact(.ourselves): .isSelf
    case .contact(.notSent): .notSent
    case .remote(let bytes): .remote(escaped(bytes))
    case .malformed(let error): .unreadable("\(error)")
    case .unproven: .unproven
    case .nameInUse: .nameInUse
    case .versionMismatch: .incompatible
    case .filtered: .filtered
    case .unusableAddress(let address): .unusableAddress(address)
    case .leaving: .leaving
    case .tooMany: .tooManyJoins
    }
  }

  /// The same in words, and what to try. `agreement` is what the transport wants both sides to have alike (``StreamLayer/agreement``).
  ///
  /// - Parameter asksForUs: whether the address was written with this node's own name.
  func text(_ agreement: String?, asksForUs: Bool) -> String {
    switch self {
    case .contact(.refused) where asksForUs, .contact(.identityMismatch) where asksForUs:
      "the name asked for is this node's own. Write the name of the member there, or the address alone"
    case .contact(.noContact): "no answer. Does an agent run there, with the same transport as this node, and is its port open?"
    case .contact(.deadline): "no answer in time"
    case .contact(.overloaded): "it is too busy now. Try again in a moment"
    case .contact(.refused): "it refused us. Its log says why"
    case .contact(.identityMismatch): "another node answers there. This node's log says which"
    case .contact(.peerCertificateRefused): "we refuse its certificate. This node's log says why"
    case .contact(.ownCertificateRefused):
      "it refuses our certificate. Its log says why: usually ours is not of its CA or cluster, or has expired"
    case .contact(.unreadable):
      "its answer cannot be decrypted, or is not encrypted as ours is. Do both have the same key and label? While a cluster gets its first key, "
        + "\(SettingName.verifiesIncoming) stays false until \(SettingName.sealsOutgoing) is true at all members"
    case .contact(.broken):
      agreement.map { "it closed the connection without a reason. Its log says why; compare on both sides \($0)" }
        ?? "the connection broke. Its log may say why"
    case .contact(.ourselves): "it is this node itself"
    case .contact(.notSent): "we could not send"
    case .remote(let bytes): "it answered: \(escaped(bytes))"
    case .malformed(.empty):
      "it closed the connection without an answer. Its log says why: perhaps too many requests at once"
        + (agreement.map { "; or compare on both sides \($0)" } ?? "")
    case .malformed(let error): "its answer cannot be read: \(error)"
    case .unproven: "its answer does not hold a live member with the name that its certificate proves"
    case .nameInUse: "our name is in use at another address. Another process runs with our certificate; stop one of them"
    case .versionMismatch: "its protocol versions do not fit ours"
    case .filtered: "its members were refused by our filter"
    case .unusableAddress(let address):
      "it tells its peers to reach it at \(address), where no node can be. Give it an address to advertise (\(SettingName.advertise)), or bind it to one of its own"
    case .leaving: "we are leaving"
    case .tooMany: "too many joins run already. Try again"
    }
  }
}
