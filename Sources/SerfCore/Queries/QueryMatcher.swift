import SerfPrimitives
import SerfWire

/// The filters of a query, ready to be asked about members: all of them must match.
struct QueryMatcher: Sendable {
  private enum Condition: Sendable {
    case names(Set<NodeName>)
    case tag(String, Pattern)
  }

  private var conditions: [Condition] = []

  /// The filters of our own query.
  init(_ filters: [SerfQuery.Filter]) throws(SerfCoreError) {
    for filter in filters {
      switch filter {
      case .members(let names): conditions.append(.names(Set(names)))
      case .tag(let name, let expression):
        do throws(PatternError) {
          conditions.append(.tag(name, try Pattern(expression)))
        } catch { throw .badExpression(expression, error) }
      }
    }
  }

  func matches(_ name: NodeName, tags: [String: String]) -> Bool {
    conditions.allSatisfy { condition in
      switch condition {
      case .names(let names): names.contains(name)
      case .tag(let tag, let pattern): pattern.matches(tags[tag] ?? "")
      }
    }
  }
}

extension QueryFilterList {
  /// Whether a member with this name and these tags is asked. A filter that cannot be read, or whose expression is none, matches no member.
  ///
  /// A match takes at most ``Pattern/programLimit`` steps for each character of a tag; the number of filters is limited by `byteLimit`, because each
  /// takes some bytes.
  static func matches(_ filters: RawSpan, _ name: NodeName, tags: [String: String], byteLimit: Int) -> Bool {
    guard filters.byteCount <= byteLimit else { return false }
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
            let pattern = try? Pattern(expression), pattern.matches(tags[tag] ?? "")
          else { return false }
        }
      }
      return true
    } catch { return false }
  }
}
