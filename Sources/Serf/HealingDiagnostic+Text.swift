import Logging
import SerfCore
import SerfPrimitives
import SerfTransport

extension HealingDiagnostic {
  /// The level of its line. A node dials for as long as it lives, so only what it finds is worth one at `info`.
  var level: Logger.Level {
    switch self {
    case .found: .info
    case .dialling, .otherNode: .debug
    }
  }

  /// What lines of one kind have in common, for limiting them.
  var kind: String {
    switch self {
    case .dialling: "dial"
    case .found: "found"
    case .otherNode: "other node"
    }
  }

  /// The parts of the line that a program can search for.
  var metadata: Logger.Metadata {
    switch self {
    case .dialling(let name?, let address), .found(let name?, let address, _), .otherNode(let name, let address):
      .about(name, at: address)
    case .dialling(nil, let address), .found(nil, let address, _): .about(at: address)
    }
  }

  /// The line.
  var text: String {
    switch self {
    case .dialling(let name?, let address): "dialling \(name) at \(address), which was a member once"
    case .dialling(nil, let address): "dialling the seed \(address), which is no member now"
    case .found(let name, let address, let members):
      "found another part of the cluster through \(name.map { "\($0) at " } ?? "the seed ")\(address): \(members) more alive"
    case .otherNode(let name, let address): "\(name) does not answer at \(address), but another node: nothing was merged"
    }
  }
}
