/** A GUID in text form: 8-4-4-4-12 hex digits, lower case, no braces. */
export type Guid = string & { readonly __brand: 'Guid' };

/** @throws RangeError where the text is no GUID in the form above */
export function guid(text: string): Guid {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) {
    throw new RangeError(`"${text}" is not a GUID (8-4-4-4-12 hex digits, lower case)`);
  }
  return text as Guid;
}

/** Layers, by the names of `fwpmu.h` without FWPM_LAYER_. */
export const LAYERS = {
  ALE_AUTH_CONNECT_V4: guid('c38d57d1-05a7-4c33-904f-7fbceee60e82'),
  ALE_AUTH_CONNECT_V6: guid('4a72393b-319f-44bc-84c3-ba54dcb3b6b4'),
  ALE_AUTH_RECV_ACCEPT_V4: guid('e1cd9fe7-f4b5-4273-96c0-592e487b8650'),
  ALE_AUTH_RECV_ACCEPT_V6: guid('a3b42c97-9f04-4672-b87e-cee9c483257f'),
  ALE_AUTH_LISTEN_V4: guid('88bb5dad-76d7-4227-9c71-df0a3ed7be7e'),
  ALE_AUTH_LISTEN_V6: guid('7ac9de24-17dd-4814-b4bd-a9fbc95a321b'),
  ALE_RESOURCE_ASSIGNMENT_V4: guid('1247d66d-0b60-4a15-8d44-7155d0f53a0c'),
  ALE_RESOURCE_ASSIGNMENT_V6: guid('55a650e1-5f0a-4eca-a653-88f53b26aa8c'),
  INBOUND_TRANSPORT_V4: guid('5926dfc8-e3cf-4426-a283-dc393f5d0f9d'),
  INBOUND_TRANSPORT_V6: guid('634a869f-fc23-4b90-b0c1-bf620a36ae6f'),
  OUTBOUND_TRANSPORT_V4: guid('09e61aea-d214-46e2-9b21-b26b0b2f28c8'),
  OUTBOUND_TRANSPORT_V6: guid('e1735bde-013f-4655-b351-a49e15762df0'),
  INBOUND_ICMP_ERROR_V4: guid('61499990-3cb6-4e84-b950-53b94b6964f3'),
  INBOUND_ICMP_ERROR_V6: guid('65f9bdff-3b2d-4e5d-b8c6-c720651fe898'),
  OUTBOUND_ICMP_ERROR_V4: guid('41390100-564c-4b32-bc1d-718048354d7c'),
  OUTBOUND_ICMP_ERROR_V6: guid('7fb03b60-7b8d-4dfa-badd-980176fc4e12'),
  IPFORWARD_V4: guid('a82acc24-4ee1-4ee1-b465-fd1d25cb10a4'),
  IPFORWARD_V6: guid('7b964818-19c7-493a-b71f-832c3684d28c'),
} as const;

/** Fields of conditions, by the names of `fwpmu.h` without FWPM_CONDITION_. */
export const FIELDS = {
  ALE_APP_ID: guid('d78e1e87-8644-4ea5-9437-d809ecefc971'),
  ALE_USER_ID: guid('af043a0a-b34d-4f86-979c-c90371af6e66'),
  ALE_PACKAGE_ID: guid('71bc78fa-f17c-4997-a602-6abb261f351c'),
  IP_PROTOCOL: guid('3971ef2b-623e-4f9a-8cb1-6e79b806b9a7'),
  IP_LOCAL_ADDRESS: guid('d9ee00de-c1ef-4617-bfe3-ffd8f5a08957'),
  IP_REMOTE_ADDRESS: guid('b235ae9a-1d64-49b8-a44c-5ff3d9095045'),
  /** At the ALE layers also the type of an ICMP message. */
  IP_LOCAL_PORT: guid('0c1ba1af-5765-453f-af22-a8f791ac775b'),
  /** At the ALE layers also the code of an ICMP message. */
  IP_REMOTE_PORT: guid('c35a604d-d22b-4e1a-91b4-68f674ee674b'),
  FLAGS: guid('632ce23b-5167-435c-86d7-e903684aa80c'),
  IP_LOCAL_INTERFACE: guid('4cd62a49-59c3-4969-b7f3-bda5d32890a4'),
  INTERFACE_TYPE: guid('daf8cd14-e09e-4c93-a5ae-c5c13b73ffca'),
  L2_FLAGS: guid('7bc43cbf-37ba-45f1-b74a-82ff518eeb10'),
} as const;

/** FWPM_SUBLAYER_UNIVERSAL: where a filter goes whose sublayer is left zero. Ours never are. */
export const SUBLAYER_UNIVERSAL = guid('eebecc03-ced4-4380-819a-2734397b2b74');

export type Layer = keyof typeof LAYERS;
export type Field = keyof typeof FIELDS;
