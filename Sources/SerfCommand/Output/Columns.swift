/// Lays rows of cells out in columns, as Go Serf's `members` does (`agent.md` section 6).
///
/// Every column is as wide as its widest cell in code points, two spaces separate columns, the last cell of a row is not padded, and the whole text
/// is trimmed. In Go Serf a `|` inside a cell begins a new column, so it does here too.
enum Columns {
  static func text(_ rows: [[String]]) -> String {
    let rows = rows.map { row in row.flatMap { $0.split(separator: "|", omittingEmptySubsequences: false).map(trimmed) } }
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { $0.indices.contains(column) ? $0[column].unicodeScalars.count : 0 }.max() ?? 0
    }
    let lines = rows.map { row in
      row.indices.map { $0 == row.count - 1 ? row[$0] : row[$0].padded(to: widths[$0]) }.joined(separator: "  ")
    }
    return trimmed(Substring(lines.joined(separator: "\n")))
  }

  private static func trimmed(_ text: Substring) -> String {
    let head = text.drop(while: \.isWhitespace)
    guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(head[...last])
  }
}
