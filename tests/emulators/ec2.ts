/**
 * EC2's Query protocol over `Ec2State`: a form in, XML out, with AWS's element names and errors.
 *
 * Source: the EC2 API Reference, version 2016-11-15.
 */
import type { Exchange, Reply } from "./http.ts";
import { draw, HEX, randomText, type Refusals, type Wire } from "./wire.ts";
import type { Ec2Filter } from "./ec2_filters.ts";
import {
  type Deletion,
  type Ec2Caller,
  Ec2Error,
  type Ec2Instance,
  type Ec2State,
  type Ec2Template,
  type Ec2TemplateVersion,
} from "./ec2_state.ts";

const XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/";
const WRITES = [
  "CreateTags",
  "DeleteTags",
  "CreateLaunchTemplate",
  "CreateLaunchTemplateVersion",
  "DeleteLaunchTemplateVersions",
];

/** A caller whose signature was accepted. */
export interface Ec2Identity extends Ec2Caller {
  account: string;
}

/**
 * Answers one request. `nodeOf`: who signed it, or an error of AWS's own (`AuthFailure`).
 * Performed dry runs count as reads.
 */
export function ec2Handler(
  state: Ec2State,
  wire: Wire,
  nodeOf: (exchange: Exchange) => Ec2Identity | Ec2Error,
): (exchange: Exchange) => Promise<Reply> {
  return async (exchange) => {
    const form = new URLSearchParams(new TextDecoder().decode(exchange.body));
    const action = form.get("Action") ?? "";
    const caller = nodeOf(exchange);
    const isDryRun = form.get("DryRun") === "true";
    const refusals = refusalsFor(state, action, caller);
    return await wire.handle(
      {
        service: "ec2",
        node: caller instanceof Ec2Error ? "" : caller.node,
        action: isDryRun ? `${action} (dry run)` : action,
        write: WRITES.includes(action) && !isDryRun,
      },
      refusals,
      () => {
        try {
          if (caller instanceof Ec2Error) throw caller;
          if (isDryRun) {
            throw new Ec2Error(
              "DryRunOperation",
              "Request would have succeeded, but DryRun flag is set.",
              412,
            );
          }
          return xml(state, 200, wrap(action, perform(state, caller, action, form)));
        } catch (error) {
          if (error instanceof Ec2Error) return errorReply(state, error);
          throw error;
        }
      },
    );
  };
}

/** The answer that carries an error. */
export function errorReply(state: Ec2State, error: Ec2Error): Reply {
  return xml(
    state,
    error.status,
    `<Response><Errors><Error><Code>${error.code}</Code><Message>${
      escape(error.message)
    }</Message></Error></Errors><RequestID>${crypto.randomUUID()}</RequestID></Response>`,
  );
}

function refusalsFor(state: Ec2State, action: string, caller: Ec2Identity | Ec2Error): Refusals {
  const arn = caller instanceof Ec2Error ? "arn:aws:iam::000000000000:user/nobody" : caller.arn;
  return {
    throttled: () =>
      errorReply(state, new Ec2Error("RequestLimitExceeded", "Request limit exceeded.", 503)),
    denied: () =>
      errorReply(
        state,
        new Ec2Error(
          "UnauthorizedOperation",
          `You are not authorized to perform this operation. User: ${arn} is not authorized to ` +
            `perform: ec2:${action} because no identity-based policy allows the ec2:${action} action`,
          403,
        ),
      ),
  };
}

function perform(
  state: Ec2State,
  caller: Ec2Identity,
  action: string,
  form: URLSearchParams,
): string {
  const which = { id: form.get("LaunchTemplateId"), name: form.get("LaunchTemplateName") };
  const version = {
    description: form.get("VersionDescription") ?? "",
    userData: form.get("LaunchTemplateData.UserData"),
    httpTokens: form.get("LaunchTemplateData.MetadataOptions.HttpTokens"),
  };
  const clientToken = form.get("ClientToken");
  switch (action) {
    case "DescribeInstances": {
      const ids = list(form, "InstanceId");
      if (ids.length > 0 && form.has("MaxResults")) {
        throw new Ec2Error(
          "InvalidParameterCombination",
          "The parameter instancesSet cannot be used with the parameter maxResults",
        );
      }
      const found = state.describeInstances(caller.node, filters(form), ids);
      return page(form, 5, 1_000, found, "reservationSet", reservation);
    }
    case "CreateTags":
      state.createTags(
        list(form, "ResourceId"),
        tags(form).map(([key, value]) => [key, value ?? ""]),
      );
      return "<return>true</return>";
    case "DeleteTags":
      state.deleteTags(list(form, "ResourceId"), tags(form));
      return "<return>true</return>";
    case "CreateLaunchTemplate": {
      const given = tags(form, "TagSpecification.1.Tag").map(([key, value]): [string, string] => [
        key,
        value ?? "",
      ]);
      const name = which.name ?? "";
      const template = state.createLaunchTemplate(caller, name, version, clientToken, given);
      return `<launchTemplate>${templateXml(template)}</launchTemplate>`;
    }
    case "CreateLaunchTemplateVersion": {
      const made = state.createLaunchTemplateVersion(caller, which, version, clientToken);
      return `<launchTemplateVersion>${
        versionXml(made.template, made.version)
      }</launchTemplateVersion>`;
    }
    case "DeleteLaunchTemplateVersions": {
      const numbers = list(form, "LaunchTemplateVersion");
      const { template, outcomes } = state.deleteLaunchTemplateVersions(which, numbers);
      const items = (isDeleted: boolean): string =>
        outcomes.filter(({ error }) => (error === null) === isDeleted)
          .map((outcome) => `<item>${deletionXml(template, outcome)}</item>`).join("");
      return `<successfullyDeletedLaunchTemplateVersionSet>${
        items(true)
      }</successfullyDeletedLaunchTemplateVersionSet>` +
        `<unsuccessfullyDeletedLaunchTemplateVersionSet>${
          items(false)
        }</unsuccessfullyDeletedLaunchTemplateVersionSet>`;
    }
    case "DescribeLaunchTemplateVersions": {
      const numbers = list(form, "LaunchTemplateVersion");
      const found = state.describeLaunchTemplateVersions(caller.node, which, numbers);
      return page(
        form,
        1,
        200,
        found.versions,
        "launchTemplateVersionSet",
        (one) => versionXml(found.template, one),
      );
    }
    default:
      throw new Ec2Error(
        "InvalidAction",
        `The action ${action} is not valid for this web service.`,
      );
  }
}

/** `Name.1`, `Name.2`, … in order. */
function list(form: URLSearchParams, name: string): string[] {
  const values: string[] = [];
  for (let i = 1;; i++) {
    const value = form.get(`${name}.${i}`);
    if (value === null) return values;
    values.push(value);
  }
}

function filters(form: URLSearchParams): Ec2Filter[] {
  const found: Ec2Filter[] = [];
  for (let i = 1; form.has(`Filter.${i}.Name`); i++) {
    found.push({
      name: form.get(`Filter.${i}.Name`) ?? "",
      values: list(form, `Filter.${i}.Value`),
    });
  }
  return found;
}

function tags(form: URLSearchParams, name = "Tag"): [string, string | null][] {
  const found: [string, string | null][] = [];
  for (let i = 1; form.has(`${name}.${i}.Key`); i++) {
    found.push([form.get(`${name}.${i}.Key`) ?? "", form.get(`${name}.${i}.Value`)]);
  }
  return found;
}

/** One page of `items`. AWS's token is opaque; here it is the place where the next page begins. */
function page<T>(
  form: URLSearchParams,
  sizeMin: number,
  sizeMax: number,
  items: T[],
  element: string,
  toXml: (item: T) => string,
): string {
  const asked = Number(form.get("MaxResults") ?? sizeMax);
  if (!Number.isInteger(asked) || asked < sizeMin || asked > sizeMax) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Value ( ${asked} ) for parameter maxResults is invalid. Expecting a value between ${sizeMin} and ${sizeMax}.`,
    );
  }
  const token = form.get("NextToken");
  const from = token === null ? 0 : Number(atob(token));
  if (!Number.isInteger(from)) throw new Ec2Error("InvalidNextToken", "The token is invalid.");
  const next = from + asked < items.length ? btoa(`${from + asked}`) : null;
  const body = items.slice(from, from + asked).map((item) => `<item>${toXml(item)}</item>`).join(
    "",
  );
  return `<${element}>${body}</${element}>` + (next ? `<nextToken>${next}</nextToken>` : "");
}

function reservation(instance: Ec2Instance): string {
  const codes = {
    pending: 0,
    running: 16,
    "shutting-down": 32,
    terminated: 48,
    stopping: 64,
    stopped: 80,
  };
  const place = instance.vpc === ""
    ? ""
    : `<subnetId>${instance.subnet}</subnetId><vpcId>${instance.vpc}</vpcId>` +
      (instance.address === "" ? "" : `<privateIpAddress>${instance.address}</privateIpAddress>`) +
      interfaceXml(instance);
  const { zone, type, lifecycle } = instance.placement ??
    { zone: "eu-central-1a", type: "t3.small", lifecycle: "on-demand" };
  const tagSet = [...instance.tags].map(([key, value]) =>
    `<item><key>${escape(key)}</key><value>${escape(value)}</value></item>`
  ).join("");
  return `<reservationId>r-0${stable(instance.id)}</reservationId>` +
    `<ownerId>${instance.account}</ownerId><groupSet/><instancesSet><item>` +
    `<instanceId>${instance.id}</instanceId><imageId>ami-0123456789abcdef0</imageId>` +
    `<instanceState><code>${
      codes[instance.state]
    }</code><name>${instance.state}</name></instanceState>` +
    `<instanceType>${type}</instanceType><launchTime>${iso(instance.launchedMs)}</launchTime>` +
    `<placement><availabilityZone>${zone}</availabilityZone></placement>${place}` +
    // There is none of an instance on demand.
    (lifecycle === "on-demand" ? "" : `<instanceLifecycle>${lifecycle}</instanceLifecycle>`) +
    (tagSet === "" ? "" : `<tagSet>${tagSet}</tagSet>`) + "</item></instancesSet>";
}

function interfaceXml(instance: Ec2Instance): string {
  const { address, others = [], launchedMs, firstLaunchedMs = launchedMs } = instance;
  const all = [address, ...others].filter((one) => one !== "");
  const item = (name: string, one: string): string => `<item><${name}>${one}</${name}></item>`;
  const v6 = all.filter((one) => one.includes(":")).map((one) => item("ipv6Address", one));
  const v4 = all.filter((one) => !one.includes(":")).map((one) => item("privateIpAddress", one));
  return "<networkInterfaceSet><item><attachment><deviceIndex>0</deviceIndex>" +
    `<attachTime>${iso(firstLaunchedMs)}</attachTime></attachment>` +
    `<ipv6AddressesSet>${v6.join("")}</ipv6AddressesSet>` +
    `<privateIpAddressesSet>${v4.join("")}</privateIpAddressesSet></item></networkInterfaceSet>`;
}

function templateXml(template: Ec2Template): string {
  return `<createTime>${iso(template.createdMs)}</createTime>` +
    `<createdBy>${escape(template.createdBy)}</createdBy>` +
    `<defaultVersionNumber>1</defaultVersionNumber>` +
    `<latestVersionNumber>${template.nextNumber - 1}</latestVersionNumber>` +
    `<launchTemplateId>${template.id}</launchTemplateId>` +
    `<launchTemplateName>${escape(template.name)}</launchTemplateName>`;
}

function versionXml(template: Ec2Template, version: Ec2TemplateVersion): string {
  return `<createTime>${iso(version.createdMs)}</createTime>` +
    `<createdBy>${escape(version.createdBy)}</createdBy>` +
    `<defaultVersion>${version.number === 1}</defaultVersion>` +
    `<launchTemplateData><userData>${version.userData ?? ""}</userData></launchTemplateData>` +
    `<launchTemplateId>${template.id}</launchTemplateId>` +
    `<launchTemplateName>${escape(template.name)}</launchTemplateName>` +
    `<versionDescription>${escape(version.description)}</versionDescription>` +
    `<versionNumber>${version.number}</versionNumber>`;
}

function deletionXml({ id, name }: Ec2Template, { number, error }: Deletion): string {
  const why = error === null
    ? ""
    : `<responseError><code>${error.code}</code><message>${
      escape(error.message)
    }</message></responseError>`;
  return `<launchTemplateId>${id}</launchTemplateId>` +
    `<launchTemplateName>${escape(name)}</launchTemplateName>` +
    `<versionNumber>${number}</versionNumber>${why}`;
}

function wrap(action: string, inner: string): string {
  return `<${action}Response xmlns="${XMLNS}"><requestId>${crypto.randomUUID()}</requestId>` +
    `${inner}</${action}Response>`;
}

function xml(state: Ec2State, status: number, body: string): Reply {
  return {
    kind: "reply",
    status,
    headers: {
      "content-type": "text/xml;charset=UTF-8",
      "x-amzn-requestid": randomText(32, HEX),
      server: "AmazonEC2",
      date: new Date(state.now()).toUTCString(),
    },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
  };
}

/** EC2 shows whole seconds only. */
function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, ".000Z");
}

function stable(id: string): string {
  return Math.floor(draw(0, id) * 2 ** 32).toString(16).padStart(16, "0");
}

/** As it stands in XML. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
