/// What a run found wrong.
package struct Findings {
  /// What always makes the exit status 1: not converged, lost or not joined.
  private var failures: [String] = []
  /// Which bounds were broken; they count with `--strict` only.
  private var violations: [String] = []

  package init() {}

  /// Takes it down unless it holds.
  package mutating func expect(_ holds: Bool, orFailed failure: String) { if !holds { failures.append(failure) } }

  /// Takes the bound down unless it holds.
  package mutating func bound(_ holds: Bool, _ bound: String) { if !holds { violations.append(bound) } }

  /// One line for each thing that makes the exit status 1; none means 0.
  package func lines(isStrict: Bool) -> [String] {
    failures.map { "failed: \($0)" } + (isStrict ? violations.map { "violated: \($0)" } : [])
  }
}
