package import Logging
package import SerfPrimitives

/// Logs a join: one line for the whole at `info`, one for each address that failed as a warning, and the other addresses at `debug`.
package struct JoinLog: Sendable {
  private let logger: Logger
  private let name: NodeName

  /// The log of a join of the node called `name`.
  package init(_ logger: Logger, name: NodeName) {
    self.logger = logger
    self.name = name
  }

  /// The result of one address. A failure that is known already is no warning.
  package func attempted(_ attempt: JoinAttempt, isKnown: Bool = false) {
    let isFailure = attempt.reason != nil && attempt.reason != .isSelf
    logger.log(
      level: isFailure && !isKnown ? .warning : .debug, "join: \(printable(attempt.description))",
      metadata: .about(
        at: attempt.contacted?.description ?? printable(attempt.address), because: attempt.reason.map { printable($0.description) }))
  }

  /// The join has ended, and these addresses, as the caller wrote them, answered. If there are none it says nothing.
  package func joined(through addresses: [String]) {
    guard !addresses.isEmpty else { return }
    logger.info("joined through \(printable(addresses.joined(separator: ", ")))", metadata: .about(name))
  }

  private func printable(_ text: String) -> String { escaped(Array(text.utf8)) }
}
