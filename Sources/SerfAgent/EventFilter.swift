import SerfClient
package import SerfCore

/// Which events a reader wants: a comma list of kinds (`agent.md` section 10), shared by RPC streams and event handlers.
package struct EventFilter: Hashable, Sendable {
  package enum Item: Hashable, Sendable {
    case everything
    case members(String)
    /// Any user event, or those of one name.
    case user(String?)
    /// Any query, or those of one name.
    case query(String?)
  }

  package let items: [Item]

  /// Reads a list such as `member-join,user:deploy`; an empty text means everything. Nil if one kind is unknown.
  package init?(_ text: String) {
    var items: [Item] = []
    for part in (text.isEmpty ? "*" : text).split(separator: ",", omittingEmptySubsequences: false) {
      switch part {
      case "*": items.append(.everything)
      case "member-join", "member-leave", "member-failed", "member-update", "member-reap": items.append(.members(String(part)))
      case "user": items.append(.user(nil))
      case "query": items.append(.query(nil))
      case _ where part.hasPrefix("user:"): items.append(.user(String(part.dropFirst(5))))
      case _ where part.hasPrefix("query:"): items.append(.query(String(part.dropFirst(6))))
      default: return nil
      }
    }
    self.items = items
  }

  /// Whether `event` is wanted. An event that several items want counts once.
  package func matches(_ event: SerfEvent) -> Bool {
    items.contains { item in
      switch (item, event) {
      case (.everything, _): true
      case (.members(let kind), .member(let event)): kind == event.kind.description
      case (.user(let name), .user(let event)): name == nil || name.map { Array($0.utf8) } == event.nameBytes
      case (.query(let name), .query(let query)): name == nil || name.map { Array($0.utf8) } == query.nameBytes
      default: false
      }
    }
  }
}
