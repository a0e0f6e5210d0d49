// Written, opened, forgotten: the mapping outlives the file.
#include "tests/support/actor_models.h"

#include "mdl/base/check.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {

std::shared_ptr<const kernels::Model> open_tiny_model(const TinyModelOptions& options) {
  const TemporaryDir folder;
  auto model = kernels::open_model(write_tiny_hf_model(folder.path() / "tiny", options));
  if (!model) std::fprintf(stderr, "%s\n", model.error().message.c_str());
  CONDUIT_CHECK(model.has_value(), "a tiny model could not be opened");
  return *std::move(model);
}

std::vector<std::int32_t> byte_tokens(std::string_view text) {
  std::vector<std::int32_t> tokens;
  for (char byte : text) tokens.push_back(byte_token(byte));
  return tokens;
}

actors::GenerateRequest text_request(std::uint64_t id, std::string prompt) {
  actors::GenerateRequest request;
  request.id = id;
  request.model = "tiny";
  request.prompt_kind = wire::PromptKind::text;
  request.prompt = std::move(prompt);
  request.temperature = 0;
  return request;
}

}  // namespace conduit::testing
