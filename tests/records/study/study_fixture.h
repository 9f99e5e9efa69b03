// A small study: its draft, its parties' keys and what they send to join it.
#pragma once

#include "learn/head.h"
#include "records/study/manifest.h"

namespace blindtuner::testing_support {

inline records::StudyDraft small_draft(std::vector<std::string> owners = {"a", "b", "c"},
                                       const std::string& parameters = "InsecureJoint4") {
  records::StudyDraft d;
  d.name = "Three sites";
  d.coordinator = owners.front();
  d.owners = std::move(owners);
  d.classes = {"no", "yes"};
  d.columns = {5};
  d.parameters = parameters;
  d.config = learn::default_training_config();
  d.config.classes = 2;
  d.config.batch_size = 64;
  d.circuit = learn::find_circuit({.head = "softmax"}, 2).name;
  return d;
}

inline records::SignedMessage parsed(const std::string& text, const std::string& where) {
  return records::parse_message(text, where);
}

}  // namespace blindtuner::testing_support
