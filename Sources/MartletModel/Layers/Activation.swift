import MartletCompute

/// A float buffer of the forward pass: [maximum rows, columns].
typealias Activation = DeviceArray<Float>
