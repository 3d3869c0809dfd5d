import Memberlist
import SerfPrimitives
import SerfWire

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
    case .contact(.refused), .contact(.identityMismatch), .contact(.ownName), .contact(.peerCertificateRefused),
      .contact(.ownCertificateRefused), .contact(.unreadable):
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
    case .contact(.refused) where asksForUs, .contact(.identityMismatch) where asksForUs, .contact(.ownName) where asksForUs: .ownName
    case .contact(.noContact): .noAnswer
    case .contact(.deadline): .timedOut
    case .contact(.overloaded): .tooBusy
    case .contact(.refused): .refused
    case .contact(.identityMismatch): .otherName
    case .contact(.ownName): .nameInUse
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

  /// The reason in words, and what to try. `agreement` is what the transport wants both sides to have alike (``StreamLayer/agreement``).
  ///
  /// - Parameter asksForUs: whether the address was written with this node's own name.
  func text(_ agreement: String?, asksForUs: Bool) -> String {
    switch self {
    case .contact(.broken):
      return agreement.map { "it closed the connection without a reason. Its log says why; compare on both sides \($0)" }
        ?? "the connection broke. Its log may say why"
    case .contact(.identityMismatch) where agreement != nil && !asksForUs:
      // Where names are not proven, a node says nothing to one that asks for another name.
      return "no node of that name answers there, or none that can read what we send. Write the address alone, or compare on both sides "
        + (agreement ?? "")
    case .malformed(.empty):
      return "it closed the connection without an answer. Its log says why: perhaps too many requests at once"
        + (agreement.map { "; or compare on both sides \($0)" } ?? "")
    default:
      let reason = reason(asksForUs: asksForUs)
      return [reason.description, Self.advice(reason)].compactMap(\.self).joined(separator: ". ")
    }
  }

  /// What to try, in sentences; nil where the reason says it all.
  private static func advice(_ reason: JoinAttempt.Reason) -> String? {
    switch reason {
    case .ownName: "Write the name of the member there, or the address alone"
    case .noAnswer: "Does an agent run there, with the same transport as this node, and is its port open?"
    case .tooBusy: "Try again in a moment"
    case .refused: "Its log says why"
    case .otherName: "This node's log says which"
    case .certificateRefused(.theirs): "This node's log says why"
    case .certificateRefused(.ours): "Its log says why: usually ours is not of its CA or cluster, or has expired"
    case .encryptionMismatch:
      "Do both have the same key and label? While a cluster gets its first key, \(SettingName.verifiesIncoming) stays false until "
        + "\(SettingName.sealsOutgoing) is true at all members"
    case .nameInUse: "Another process runs with our certificate; stop one of them"
    case .unusableAddress: "Give it an address to advertise (\(SettingName.advertise)), or bind it to one of its own"
    case .tooManyJoins: "Try again"
    case .isSelf, .timedOut, .notSent, .leaving, .connectionBroken, .unresolved, .notAnAddress, .notAllowed, .unproven, .unreadable,
      .incompatible, .filtered, .remote:
      nil
    }
  }
}
