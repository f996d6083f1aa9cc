/** Answers that are kept as JSON text. */
export function jsonCodec<Answer>() {
  return {
    encode: (answer: Answer): Uint8Array => Buffer.from(JSON.stringify(answer), "utf8"),
    decode: (bytes: Uint8Array): Answer => parse<Answer>(bytes),
  };
}

function parse<Answer>(bytes: Uint8Array): Answer {
  const answer: Answer = JSON.parse(Buffer.from(bytes).toString("utf8"));
  return answer;
}
