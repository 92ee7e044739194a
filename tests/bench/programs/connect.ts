/** Sends IMDS one byte, and nothing else: the least that a program of this runtime needs for that. */
const { hostname, port } = new URL(
  Deno.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254:80",
);
const connection = await Deno.connect({ hostname, port: Number(port || 80) });
await connection.write(new Uint8Array([0x50]));
