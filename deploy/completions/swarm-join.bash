# shellcheck shell=bash
# Made by make docs, from the tables in src/cli: what the command line takes.

_swarm_join() {
  local common='--cluster --store --role --role-tag --manager-token-tag --worker-token-tag --cluster-tag --tags --advertise-addr --listen-addr --data-path-addr --data-path-port --default-addr-pool --availability --label-tags --abandon-tasks --timeout --json --log-format --log-level --s3-sse --s3-kms-key --s3-bucket-owner --config --imds-v1 --lock-file --version --help'
  local word whole last glue='' line='' replay='' flag='' prefix='' offered='' kind=-W i
  local -a words=()

  # Readline parts words at = and : (COMP_WORDBREAKS); here they are whole again, up to the cursor.
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    local breaks=''
    [[ -n $word && -z ${word//[=:]/} ]] && breaks=1
    if [[ -n $glue$breaks && ${#words[@]} -gt 1 ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    glue=$breaks
  done
  local at=$((${#words[@]} - 1))
  whole=${words[at]}
  last=${COMP_WORDS[COMP_CWORD]}
  [[ -n ${last//[=:]/} ]] || last=''

  # What stands before the word: the verb, the verb that is planned, or that it replays; or a flag without its value.
  for ((i = 1; i < at; i++)); do
    flag=''
    case ${words[i]} in
      --observation | --observation=*) replay=' --observation' ;;
    esac
    case ${words[i]} in
      --cluster | --store | --role | --role-tag | --manager-token-tag | --worker-token-tag | --cluster-tag | --tags | --advertise-addr | --listen-addr | --data-path-addr | --data-path-port | --default-addr-pool | --availability | --label-tags | --timeout | --interval | --log-format | --log-level | --s3-sse | --s3-kms-key | --s3-bucket-owner | --config | --lock-file | --metrics-file | --observation)
        flag=${words[i]}
        ((++i))
        ;;
      --if-terminating | --yes | --abandon-tasks | --dry-run | --json | --imds-v1 | --version | --help | -h | --*=*) ;;
      *) line+=${line:+ }${words[i]} ;;
    esac
  done
  ((i > at)) || flag=''

  word=$whole
  if [[ -z $flag && $whole == --*=* ]]; then
    flag=${whole%%=*}
    prefix=$flag=
    word=${whole#*=}
  fi
  case $flag in
    '')
      if [[ $whole == -* ]]; then
        case $line$replay in
          '') offered="$common --dry-run" ;;
          'join') offered="$common --dry-run" ;;
          'keep') offered="$common --interval --dry-run --metrics-file" ;;
          'leave') offered="$common --if-terminating --dry-run" ;;
          'recover') offered="$common --yes --dry-run" ;;
          'plan') offered="$common --dry-run --observation" ;;
          'status') offered="$common" ;;
          'doctor') offered="$common" ;;
          'settings') offered="$common" ;;
          'plan join') offered="$common --dry-run" ;;
          'plan keep') offered="$common --dry-run" ;;
          'plan leave') offered="$common --if-terminating --dry-run" ;;
          'plan recover') offered="$common --yes --dry-run" ;;
          'plan --observation') offered="--dry-run --json --log-format --log-level --observation --version --help" ;;
        esac
      else
        case $line$replay in
          '') offered='join keep leave recover plan status doctor settings' ;;
          'plan') offered='join keep leave recover' ;;
        esac
      fi
      ;;
    --store) offered='tags s3://' ;;
    --role) offered='auto manager worker' ;;
    --availability) offered='active pause drain' ;;
    --log-format) offered='auto text json' ;;
    --log-level) offered='error warn info debug' ;;
    --s3-sse) offered='AES256 aws:kms' ;;
    --config | --lock-file | --metrics-file | --observation) kind=-f ;;
  esac

  COMPREPLY=()
  if [[ $kind == -f ]]; then
    mapfile -t COMPREPLY < <(compgen -f -P "$prefix" -- "$word")
    compopt -o filenames 2>/dev/null
  elif [[ -n $offered ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$offered" -P "$prefix" -- "$word")
    # The beginning of a value goes on.
    [[ ${COMPREPLY[0]-} == */ ]] && compopt -o nospace 2>/dev/null
  fi
  # Readline replaces only what stands behind the last = or :.
  COMPREPLY=("${COMPREPLY[@]#"${whole%"$last"}"}")
  return 0
}

complete -F _swarm_join swarm-join
