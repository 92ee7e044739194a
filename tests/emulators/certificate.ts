/**
 * X.509 certificates in the form that a swarm writes. Their subject can be read; nobody signed them,
 * and their keys are noise.
 *
 * Source: RFC 5280, and the files of a running Engine.
 */

export interface Subject {
  /** The cluster's id. */
  organization?: string;
  /** `swarm-manager` or `swarm-worker`. */
  unit?: string;
  /** The node's id. */
  name: string;
}

const OID = {
  organization: [0x55, 0x04, 0x0a],
  unit: [0x55, 0x04, 0x0b],
  name: [0x55, 0x04, 0x03],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  ecPublicKey: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
  prime256v1: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
};

/** A new certificate for `subject`, as PEM. No two are the same. */
export function certificatePem(subject: Subject): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const key = sequence(
    sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)),
    bits([0x04, ...noise(64)]),
  );
  const body = sequence(
    // Version 3.
    der(0xa0, integer([2])),
    // A number that is not negative.
    integer([0x01, ...noise(15)]),
    algorithm,
    nameOf({ name: "swarm-ca" }),
    sequence(time("250101000000Z"), time("450101000000Z")),
    nameOf(subject),
    key,
  );
  const signature = sequence(integer([0x01, ...noise(31)]), integer([0x01, ...noise(31)]));
  const whole = sequence(body, algorithm, bits(signature));
  const lines = btoa(String.fromCharCode(...whole)).match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function nameOf({ organization, unit, name }: Subject): number[] {
  const parts: [number[], string | undefined][] = [
    [OID.organization, organization],
    [OID.unit, unit],
    [OID.name, name],
  ];
  return sequence(
    ...parts.flatMap(([id, text]) =>
      text === undefined ? [] : [der(0x31, sequence(oid(id), der(0x0c, bytes(text))))]
    ),
  );
}

function der(tag: number, content: number[]): number[] {
  const { length } = content;
  if (length < 0x80) return [tag, length, ...content];
  if (length < 0x100) return [tag, 0x81, length, ...content];
  return [tag, 0x82, length >> 8, length & 0xff, ...content];
}

function sequence(...parts: number[][]): number[] {
  return der(0x30, parts.flat());
}

function integer(content: number[]): number[] {
  return der(0x02, content);
}

function oid(content: number[]): number[] {
  return der(0x06, content);
}

function bits(content: number[]): number[] {
  return der(0x03, [0, ...content]);
}

function time(text: string): number[] {
  return der(0x17, bytes(text));
}

function bytes(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

function noise(count: number): number[] {
  return [...crypto.getRandomValues(new Uint8Array(count))];
}
