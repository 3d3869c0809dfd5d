import SerfPrimitives
package import SerfWire

// Whether a member's protocol versions let it be one here (`memberlist.md` section 4.12).
//
// Go checks a whole push/pull, including its own members, and refuses all of it because of one offender. So one claim about an invented name, once it
// is believed and relayed, would end every join and every push/pull. Here the claim itself is checked before it changes anything or is relayed, and a
// push/pull loses only that entry.
extension Membership {
  /// Whether these versions fit ours, and leave the members that we know able to understand each other: of two members that fit us but not each other
  /// the first is kept.
  func areFitting(_ versions: ProtocolVersions, of node: RawSpan) -> Bool {
    let own = local.versions
    if versions == own { return true }
    guard versions.isValid, versions.fits(own) else { return false }
    let known = table.find(node)
    if let known, table[known].state.isLive, table[known].member.versions == versions { return true }
    // Only a new member with other versions than ours costs a look at all the others.
    var range = VersionRange()
    range.add(versions, isAlive: true)
    for index in table.order where index != known { range.add(table[index].member.versions, isAlive: table[index].state.isLive) }
    return range.isConsistent
  }
}

/// The protocol versions that every live member understands, and whether each member speaks one of these (`memberlist.md` section 4.12).
///
/// The range comes from the alive members, this node included. The spoken versions are checked for all members, including dead ones.
package struct VersionRange: Sendable {
  private var protocolMinimum: UInt8 = 0
  private var protocolMaximum: UInt8 = .max
  private var delegateMinimum: UInt8 = 0
  private var delegateMaximum: UInt8 = .max
  private var lowestProtocol: UInt8 = .max
  private var highestProtocol: UInt8 = 0
  private var lowestDelegate: UInt8 = .max
  private var highestDelegate: UInt8 = 0

  package init() {}

  package mutating func add(_ versions: ProtocolVersions, isAlive: Bool) {
    if isAlive {
      protocolMinimum = max(protocolMinimum, versions.protocolMinimum)
      protocolMaximum = min(protocolMaximum, versions.protocolMaximum)
      delegateMinimum = max(delegateMinimum, versions.delegateMinimum)
      delegateMaximum = min(delegateMaximum, versions.delegateMaximum)
    }
    lowestProtocol = min(lowestProtocol, versions.protocolCurrent)
    highestProtocol = max(highestProtocol, versions.protocolCurrent)
    lowestDelegate = min(lowestDelegate, versions.delegateCurrent)
    highestDelegate = max(highestDelegate, versions.delegateCurrent)
  }

  /// Whether every version spoken lies in the range that all alive members understand.
  package var isConsistent: Bool {
    lowestProtocol > highestProtocol
      || (protocolMinimum <= lowestProtocol && highestProtocol <= protocolMaximum && delegateMinimum <= lowestDelegate
        && highestDelegate <= delegateMaximum)
  }
}
