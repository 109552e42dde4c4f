/// The version of this build.
public let martletVersion = "0.1.0"
