import ArgumentParser
import Serf

/// `serf keygen`: a key for `serf agent -encrypt`.
struct KeygenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen", abstract: "Generates a new encryption key", usage: "serf keygen",
    discussion: "Prints 32 random bytes in base64, for 'serf agent -transport tcp -encrypt' or a keyring file.")

  func run() { Terminal.output(SecretKey.generate().base64) }
}
