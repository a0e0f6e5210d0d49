// How an answer ended, in the client's words.
#include "cluster/client_calls.h"

#include "cluster/spine/frame.h"

namespace conduit {

Result<ChatAnswer> answer_of(std::string text, const actors::Finished& finished) {
  ChatAnswer answer;
  switch (finished.reason) {
    case wire::FinishReason::stop: answer.finish_reason = "stop"; break;
    case wire::FinishReason::length: answer.finish_reason = "length"; break;
    case wire::FinishReason::cancelled: return Error{Code::cancelled, "the answer was cancelled"};
    default: return Error{cluster::code_of(finished.error_code), finished.error_message};
  }
  answer.text = std::move(text);
  answer.prompt_tokens = finished.prompt_tokens;
  answer.completion_tokens = finished.completion_tokens;
  return answer;
}

}  // namespace conduit
