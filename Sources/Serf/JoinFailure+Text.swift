import Memberlist
import SerfPrimitives

extension JoinFailure {
  /// Why an address was not joined, and what to try.
  var text: String {
    switch self {
    case .contact(.noContact): "no answer. Is an agent running there, and is its port open?"
    case .contact(.deadline): "no answer in time"
    case .contact(.refused): "it refused us. Its log says why: usually our certificate is not of its CA or cluster, or has expired"
    case .contact(.identityMismatch): "somebody else answers there, or its certificate is not acceptable. Our log says why"
    case .contact(.unreadable): "its answer cannot be decrypted, or is not encrypted as ours is. Do both have the same key and label?"
    case .contact(.broken): "the connection broke"
    case .contact(.notSent): "we could not send"
    case .remote(let bytes): "it answered: \(escaped(bytes))"
    case .malformed(.empty):
      "it closed the connection without an answer. Its log says why: perhaps another label or key, or too many requests at once"
    case .malformed(let error): "its answer cannot be read: \(error)"
    case .unproven: "its answer does not hold a live member of the name that its certificate proves"
    case .versionMismatch: "its protocol versions do not fit ours"
    case .filtered: "its members were refused by our filter"
    case .unusableAddress(let address):
      "it tells its peers to reach it at \(address), where no node can be. Start it with -advertise, or bind it to an address of its own"
    case .leaving: "we are leaving"
    case .tooMany: "too many joins run already. Try again"
    }
  }
}
