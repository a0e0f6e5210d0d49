// `conduit schema`: what a type or schema means, without a node. FILE is MDL text or JSON Schema,
// told by its content: a JSON Schema is an object, true or false. `hint` writes what to tell a
// model; `check` judges instances, by the validator and, token by token, by the decoder; `explain`
// shows what was understood, and what is refused and why.
#pragma once

#include <string>

namespace conduit::cluster {

struct SchemaOptions {
  std::string action;  // hint, check or explain
  std::string file;
  std::string tokenizer;  // check: also by the decoder, over this one's tokens; a path or a name
  bool as_json = false;   // hint and explain: one JSON object instead of text
};

// check reads stdin, a JSON value a line (blank lines are passed over), and answers each with a
// line
//   {"line":1,"valid":true,"error":null,"decoder":true,"decoder_error":null}
// where `decoder` is null without --tokenizer, and when the line is no JSON or the decoder refuses
// the schema: decoder_error then says why.
// 0: done; check: every line is valid. 1: something cannot be read; check: a line is not valid.
// 2: the schema is refused, stderr says by which keyword and where; explain: by the decoder alone,
// too.
int run_schema(const SchemaOptions& options);

}  // namespace conduit::cluster
