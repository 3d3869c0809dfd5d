import SerfPrimitives
import SerfWire

/// The filters of a query, ready to be asked about members: all of them must match.
struct QueryMatcher: Sendable {
  private enum Condition: Sendable {
    case names(Set<NodeName>)
    case tag(String, Pattern)
  }

  private var conditions: [Condition] = []

  /// The filters of our own query. Their expressions together may compile to as many instructions as one expression may.
  init(_ filters: [SerfQuery.Filter]) throws(SerfCoreError) {
    var size = 0
    for filter in filters {
      switch filter {
      case .members(let names): conditions.append(.names(Set(names)))
      case .tag(let name, let expression):
        do throws(PatternError) {
          let pattern = try Pattern(expression)
          size += pattern.size
          guard size <= Pattern.programLimit else { throw PatternError(.tooLarge, at: 0) }
          conditions.append(.tag(name, pattern))
        } catch { throw .badExpression(expression, error) }
      }
    }
  }

  /// Whether a member is asked; nil if that would take more steps than are left in `budget`.
  func matches(_ name: NodeName, tags: [String: String], budget: inout Int) -> Bool? {
    for condition in conditions {
      switch condition {
      case .names(let names): guard names.contains(name) else { return false }
      case .tag(let tag, let pattern):
        let text = Array((tags[tag] ?? "").utf8)
        guard let matches = pattern.matches(text.span.bytes, budget: &budget) else { return nil }
        guard matches else { return false }
      }
    }
    return true
  }
}

extension QueryFilterList {
  /// Whether a member with this name and these tags is asked. A filter that cannot be read, or whose expression is none, matches no member.
  ///
  /// All expressions together may compile to ``Pattern/programLimit`` instructions, and take ``stepLimit`` steps. Nil beyond that, and if the filters have more
  /// than `byteLimit` bytes: no program needs such filters, and a flood of them would stop a node.
  ///
  /// `tags` is called only for filters that ask for tags.
  static func matches(_ filters: RawSpan, _ name: NodeName, tags: () -> [String: String], byteLimit: Int) -> Bool? {
    guard filters.byteCount <= byteLimit else { return nil }
    var known: [String: String]?
    var size = 0
    var budget = stepLimit
    do throws(WireError) {
      var list = try QueryFilterList(filters)
      while let bytes = try list.next() {
        let filter = try QueryFilterView(decoding: bytes)
        switch filter.kind {
        case .nodes:
          guard filter.names.contains(name.bytes.span.bytes) else { return false }
        case .tag:
          let tag = String(decoding: [UInt8](copying: filter.tag), as: UTF8.self)
          guard let expression = String(validating: [UInt8](copying: filter.expression), as: UTF8.self),
            let pattern = try? Pattern(expression)
          else { return false }
          size += pattern.size
          let all = known ?? tags()
          known = all
          let text = Array((all[tag] ?? "").utf8)
          guard size <= Pattern.programLimit, let matches = pattern.matches(text.span.bytes, budget: &budget) else { return nil }
          guard matches else { return false }
        }
      }
      return true
    } catch { return false }
  }

  /// The most steps that the filters of one received query may take: about a millisecond. An ordinary expression takes some hundred.
  static let stepLimit = 1 << 18
}
