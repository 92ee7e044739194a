/** An instance as EC2 describes it: when it was launched, what it is, and where. */
import type { Reservation } from "./sdk_ec2.ts";
import type { Placement } from "../shown.ts";

type SdkInstance = NonNullable<Reservation["Instances"]>[number];

export function instancesIn({ Instances = [] }: Reservation): SdkInstance[] {
  return Instances;
}

/** `LaunchTime` is that of the last start; the first interface is attached once, at the launch (EC2 API reference, "Instance"). */
export function launchedMs({ NetworkInterfaces = [] }: SdkInstance): number | null {
  const first = NetworkInterfaces.find(({ Attachment }) => Attachment?.DeviceIndex === 0);
  return first?.Attachment?.AttachTime?.getTime() ?? null;
}

/** EC2 names no lifecycle of an instance that is on demand. */
export function placementOf(
  { Placement: { AvailabilityZone } = {}, InstanceType, InstanceLifecycle }: SdkInstance,
): Placement | null {
  if (AvailabilityZone === undefined || InstanceType === undefined) return null;
  return {
    zone: AvailabilityZone,
    type: InstanceType,
    lifecycle: InstanceLifecycle ?? "on-demand",
  };
}

/** IPv4 before IPv6; of each, the primary one first. */
export function ownAddresses(
  { PrivateIpAddress, NetworkInterfaces = [], Ipv6Address }: SdkInstance,
): string[] {
  const v4 = NetworkInterfaces.flatMap(({ PrivateIpAddresses = [] }) =>
    PrivateIpAddresses.map((one) => one.PrivateIpAddress)
  );
  const v6 = NetworkInterfaces.flatMap(({ Ipv6Addresses = [] }) =>
    Ipv6Addresses.map((one) => one.Ipv6Address)
  );
  const all = [PrivateIpAddress, ...v4, Ipv6Address, ...v6];
  return [...new Set(all.filter((one): one is string => one !== undefined && one !== ""))];
}
