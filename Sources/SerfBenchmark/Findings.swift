/// What a run found wrong.
package struct Findings {
  /// Findings that always make the exit status 1: not converged, lost or not joined.
  private var failures: [String] = []
  /// The bounds that were broken; they count only with `--strict`.
  private var violations: [String] = []

  package init() {}

  /// Notes the failure unless the condition holds.
  package mutating func expect(_ holds: Bool, orFailed failure: String) { if !holds { failures.append(failure) } }

  /// Notes the broken bound unless the condition holds.
  package mutating func bound(_ holds: Bool, _ bound: String) { if !holds { violations.append(bound) } }

  /// One line for each thing that makes the exit status 1; none means 0.
  package func lines(isStrict: Bool) -> [String] {
    failures.map { "failed: \($0)" } + (isStrict ? violations.map { "violated: \($0)" } : [])
  }
}
