/// The fields of a Hugging Face `config.json` that matter here, as they are written.
struct HuggingFaceConfiguration: Decodable {
  struct Rope: Decodable {
    var type: String?
    var rope_type: String?
    var rope_theta: Double?
    var factor: Double?
    var low_freq_factor: Double?
    var high_freq_factor: Double?
    var original_max_position_embeddings: Double?
    var beta_fast: Double?
    var beta_slow: Double?
    var attention_factor: Double?
    /// Parameters by layer type (Gemma 3 in newer files).
    var full_attention: Nested?
    var sliding_attention: Nested?

    struct Nested: Decodable {
      var rope_type: String?
      var rope_theta: Double?
      var factor: Double?
    }
  }

  var architectures: [String]?
  var hidden_size: Int?
  var num_hidden_layers: Int?
  var num_attention_heads: Int?
  var num_key_value_heads: Int?
  var head_dim: Int?
  var intermediate_size: Int?
  var vocab_size: Int?
  var max_position_embeddings: Int?
  var rms_norm_eps: Double?
  var rope_theta: Double?
  var rope_local_base_freq: Double?
  var rope_scaling: Rope?
  var rope_parameters: Rope?
  var sliding_window: Int?
  var use_sliding_window: Bool?
  var max_window_layers: Int?
  var sliding_window_pattern: Int?
  var layer_types: [String]?
  var tie_word_embeddings: Bool?
  var hidden_act: String?
  var hidden_activation: String?
  var query_pre_attn_scalar: Double?
  var attn_logit_softcapping: Double?
  var final_logit_softcapping: Double?
  var torch_dtype: String?
  var dtype: String?
}
