import SerfPrimitives

/// The live members in a circle, in the order of a hash of their names, and the two beside this one.
///
/// What every member passes on to both its neighbours reaches all members, as long as nothing is lost: chance alone leaves out a few in a thousand.
/// What goes to random members besides makes it fast, and gets it past a neighbour that is dead and not found out yet (Voulgaris and van Steen,
/// "Hybrid Dissemination", Middleware 2007). Members whose lists differ for a moment have other neighbours; then there is still chance.
struct Ring: Sendable {
  /// The next member in each direction; nil if there is no other, and the second one nil if there is only one.
  private(set) var neighbours: (next: NodeIndex?, previous: NodeIndex?) = (nil, nil)
  /// Whether a member came or went since the neighbours were found.
  var isStale = true

  /// Finds the neighbours again if a member came or went.
  mutating func update(around me: NodeIndex, in table: borrowing NodeTable) {
    guard isStale else { return }
    isStale = false
    let own = table[me].ringPlace
    var next: (distance: UInt64, index: NodeIndex)?
    var previous: (distance: UInt64, index: NodeIndex)?
    for index in table.order where index != me {
      guard table[index].state.isLive else { continue }
      let ahead = table[index].ringPlace &- own
      if next.map({ ahead < $0.distance }) ?? true { next = (ahead, index) }
      if previous.map({ ahead > $0.distance }) ?? true { previous = (ahead, index) }
    }
    neighbours = (next?.index, previous?.index == next?.index ? nil : previous?.index)
  }

  /// A member's place: all members compute the same (FNV-1a, and the last steps of MurmurHash3 to spread names that differ in the last letter).
  static func place(of name: NodeName) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
    hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return hash ^ hash >> 33
  }
}
