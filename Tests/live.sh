# The suites with sockets and processes of their own, as a pattern for swift test; the scripts beside this one source it. Tests in virtual
# time keep every processor busy and these have limits in real time, so that they run after, not beside them.
live="SerfAgentTests|SerfBenchmarkTests|SerfClientTests|SerfCommandTests|SerfTransportTests|SerfNodeTests|SecrecyTests|SocketTests|NetClusterTests|HostilePeerTests|TLSClusterTests|JoinAddressTests|OwnAddressTests|RollingEncryptionTests"
