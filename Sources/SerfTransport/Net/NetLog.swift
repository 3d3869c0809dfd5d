import Logging
import SerfPrimitives

/// Logs what a ``NetLayer`` refuses. At most one line per cause and host in 10 s.
final class NetLog {
  private let logger: Logger
  private var limiter = LogLimiter()

  init(_ logger: Logger) { self.logger = logger }

  func refused(_ problem: EnvelopeProblem, from source: NodeAddress, at now: Instant) {
    warn(problem.counter, source, because: problem.text, at: now) { "dropped a packet from \(source): \(problem.text)" }
  }

  func notAllowed(_ source: NodeAddress, at now: Instant) {
    let reason = "it is in none of the allowed networks (\(SettingName.allowedNetworks))"
    warn("network", source, because: reason, at: now) { "refused \(source.host): \(reason)" }
  }

  func evicted(_ source: NodeAddress, at now: Instant) {
    warn("evicted", source, because: "too many connections at once", at: now) {
      "too many connections at once: closed the one from \(source), which had waited longest without sending its request"
    }
  }

  func exceeded(_ source: NodeAddress, at now: Instant) {
    warn("exceeded", source, because: "it sends more than one peer is allowed to", at: now) {
      "\(source) sends more than one peer is allowed to; the excess is dropped"
    }
  }

  private func warn(_ kind: String, _ source: NodeAddress, because reason: String, at now: Instant, _ text: () -> String) {
    guard logger.logLevel <= .warning, let withheld = limiter.admit(kind, about: source.host, at: now) else { return }
    logger.warning(
      "\(text())\(withheld > 0 ? " (and \(withheld) more like it)" : "")", metadata: .about(at: source, because: reason))
  }
}
