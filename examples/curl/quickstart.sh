#!/usr/bin/env bash
# The quickstart of the Assistants API in curl, as it was printed: only the address is another.
#
#   BASE=http://127.0.0.1:8000/v1 OPENAI_API_KEY=... bash examples/curl/quickstart.sh
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:8000/v1}

ask() { # METHOD PATH [BODY]
  curl --silent --show-error --fail-with-body --no-buffer -X "$1" "$BASE$2" \
    -H "Authorization: Bearer $OPENAI_API_KEY" \
    -H "OpenAI-Beta: assistants=v2" \
    -H "Content-Type: application/json" \
    ${3:+-d "$3"}
}
id() { grep -m 1 -o '"id": "[^"]*"' | cut -d '"' -f 4; }
status() { grep -m 1 -o '"status": "[^"]*"' | cut -d '"' -f 4; }

assistant=$(ask POST /assistants '{
  "instructions": "You are a personal math tutor.",
  "name": "Math Tutor",
  "model": "gpt-6-luna"
}' | id)
thread=$(ask POST /threads '{}' | id)
ask POST "/threads/$thread/messages" '{
  "role": "user",
  "content": "I need to solve the equation `3x + 11 = 14`. Can you help me?"
}' >/dev/null

echo "== polled"
run=$(ask POST "/threads/$thread/runs" "{\"assistant_id\": \"$assistant\"}" | id)
while :; do
  state=$(ask GET "/threads/$thread/runs/$run" | status)
  case $state in queued | in_progress) sleep 0.2 ;; *) break ;; esac
done
echo "$state"
ask GET "/threads/$thread/messages?limit=1" | grep '"value"'

echo "== streamed"
ask POST "/threads/$thread/runs" "{\"assistant_id\": \"$assistant\", \"stream\": true}" |
  grep '^event:' | uniq -c
