#include "learn/head.h"

#include "base/error.h"
#include "learn/heads/sigmoid.h"
#include "learn/heads/softmax.h"
#include "learn/heads/squared.h"

namespace blindtuner::learn {

std::span<const Head* const> heads() {
  static const Head* const all[] = {&softmax_head(), &sigmoid_head(), &squared_head()};
  return all;
}

const Head& head_named(std::string_view name) {
  std::string known;
  for (const Head* head : heads()) {
    if (head->name() == name) return *head;
    known.append(known.empty() ? "" : ", ").append(head->name());
  }
  throw DataError("no head '" + std::string(name.substr(0, 32)) + "', expected one of " + known);
}

std::vector<const HeadCircuit*> head_circuits() {
  std::vector<const HeadCircuit*> out;
  for (const Head* head : heads())
    out.insert(out.end(), head->circuits().begin(), head->circuits().end());
  return out;
}

const HeadCircuit& circuit_named(std::string_view name) {
  for (const Head* head : heads())
    for (const HeadCircuit* circuit : head->circuits())
      if (circuit->name == name) return *circuit;
  throw DataError("no circuit '" + std::string(name.substr(0, 64)) + "' in this program");
}

const HeadCircuit& find_circuit(const CircuitChoice& choice, int classes) {
  return head_named(choice.head).circuit(choice.family, classes, choice.range);
}

}  // namespace blindtuner::learn
