public import SerfCore
public import SerfPrimitives

/// All members that a node knew at one moment, itself included, in any status, sorted by name.
///
/// ```swift
/// let workers = snapshot.alive.count { $0.tags["role"] == "worker" }
/// let address = snapshot["web-1"]?.address
/// ```
public struct MemberSnapshot: RandomAccessCollection, Hashable, Sendable {
  private let members: [SerfMember]

  /// The members, which are sorted by name already.
  package init(sorted members: [SerfMember]) { self.members = members }

  /// Those that are up, as far as the node knows. Members that announced that they leave are not among them.
  public var alive: [SerfMember] { members.filter { $0.status == .alive } }

  /// The member of this name; nil if the node knows none.
  public subscript(name: NodeName) -> SerfMember? {
    var (low, high) = (0, members.count)
    while low < high {
      let middle = (low + high) / 2
      if members[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low < members.count && members[low].name == name ? members[low] : nil
  }

  /// The member of this name; nil if the node knows none.
  public subscript(name: String) -> SerfMember? { self[NodeName(name)] }

  // MARK: RandomAccessCollection

  public var startIndex: Int { members.startIndex }
  public var endIndex: Int { members.endIndex }
  public subscript(position: Int) -> SerfMember { members[position] }
}
