// `conduit render`: a chat template over one conversation, without a node. The prompt goes to
// stdout byte for byte, no newline added, so that it can be compared with another renderer's.
#pragma once

#include <string>

namespace conduit::cluster {

struct RenderOptions {
  std::string chat_template;  // a path that kernels::read_template takes
  bool as_json = false;       // {"prompt": …} instead
};

// stdin: an object with the template's variables (messages, tools, add_generation_prompt,
// bos_token, eos_token, any other) and `now`, an ISO date-time at which strftime_now stands still.
// What is left out is as transformers has it: tools and documents null, add_generation_prompt
// false, the two tokens as the model names them. 0 rendered; 1 failed, also by the template's own
// raise_exception, and one line on stderr says why.
int run_render(const RenderOptions& options);

}  // namespace conduit::cluster
