// One import for users: `import Serf` brings the types of the core, the transports and the certificates.
@_exported public import SerfCore
@_exported public import SerfIdentity
@_exported public import SerfPrimitives
@_exported public import SerfTransport
