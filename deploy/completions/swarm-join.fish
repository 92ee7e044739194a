# Made by make docs, from the tables in src/cli: what the command line takes.

# What stands before the word: the verb, the verb that is planned, or that it replays.
function __swarm_join_line
    set -l line
    set -l replay
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --observation '--observation=*'
                set replay --observation
        end
        switch $words[1]
            case --cluster --store --role --role-tag --manager-token-tag --worker-token-tag --cluster-tag --tags --advertise-addr --listen-addr --data-path-addr --data-path-port --default-addr-pool --availability --label-tags --timeout --interval --log-format --log-level --s3-sse --s3-kms-key --s3-bucket-owner --config --lock-file --metrics-file --observation
                set -e words[1]
                set -q words[1]; or break
            case --if-terminating --yes --abandon-tasks --dry-run --json --imds-v1 --version --help -h '--*=*'
            case '*'
                set -a line $words[1]
        end
        set -e words[1]
    end
    echo (string join ' ' -- $line $replay)
end

function __swarm_join_on
    contains -- (__swarm_join_line) $argv
end

function __swarm_join_runs
    __swarm_join_on "" "join" "keep" "leave" "recover" "plan" "status" "doctor" "settings" "plan join" "plan keep" "plan leave" "plan recover"
end

complete -c swarm-join -f
complete -c swarm-join -n '__swarm_join_on ""' -a join -d 'join the swarm, or found it; returns when this node is a member'
complete -c swarm-join -n '__swarm_join_on ""' -a keep -d 'join, then stay: heal the swarm, and leave it when this machine is told to go'
complete -c swarm-join -n '__swarm_join_on ""' -a leave -d 'leave the swarm for good, when what runs here runs elsewhere; never its last manager'
complete -c swarm-join -n '__swarm_join_on ""' -a recover -d 'where all other managers are gone for good: a quorum again, of this one; without --yes it says what it would do'
complete -c swarm-join -n '__swarm_join_on ""' -a plan -d 'say what VERB (else join) would do and why: the same as VERB --dry-run'
complete -c swarm-join -n '__swarm_join_on ""' -a status -d 'show how the swarm stands: who votes and answers, what it can lose, who is dead'
complete -c swarm-join -n '__swarm_join_on ""' -a doctor -d 'look at everything that can stand in the way, and say how to mend it'
complete -c swarm-join -n '__swarm_join_on ""' -a settings -d 'print which settings count here and where each is from; exit 2 if one is wrong'
complete -c swarm-join -n '__swarm_join_on "plan"' -a join -d 'join the swarm, or found it; returns when this node is a member'
complete -c swarm-join -n '__swarm_join_on "plan"' -a keep -d 'join, then stay: heal the swarm, and leave it when this machine is told to go'
complete -c swarm-join -n '__swarm_join_on "plan"' -a leave -d 'leave the swarm for good, when what runs here runs elsewhere; never its last manager'
complete -c swarm-join -n '__swarm_join_on "plan"' -a recover -d 'where all other managers are gone for good: a quorum again, of this one; without --yes it says what it would do'
complete -c swarm-join -n '__swarm_join_runs' -l cluster -x -d 'which swarm of the VPC, when there is more than one; each then needs --cluster-tag'
complete -c swarm-join -n '__swarm_join_runs' -l store -x -a 'tags s3://' -d 'where the founding record and the tokens are: tags, or s3://bucket/prefix'
complete -c swarm-join -n '__swarm_join_runs' -l role -x -a 'auto manager worker' -d 'auto (what the instance\'s role tag says), manager or worker'
complete -c swarm-join -n '__swarm_join_runs' -l role-tag -x -d 'the instance tag that says manager or worker'
complete -c swarm-join -n '__swarm_join_runs' -l manager-token-tag -x -d 'the tag in which managers publish the managers\' token'
complete -c swarm-join -n '__swarm_join_runs' -l worker-token-tag -x -d 'the tag in which managers publish the workers\' token'
complete -c swarm-join -n '__swarm_join_runs' -l cluster-tag -x -d 'look only at instances whose tag KEY is the cluster\'s name (a second cluster in one VPC)'
complete -c swarm-join -n '__swarm_join_runs' -l tags -x -d 'tags for all that it creates in AWS'
complete -c swarm-join -n '__swarm_join_runs' -l advertise-addr -x -d 'what the others reach this node at: an IP address or interface (else the instance\'s own)'
complete -c swarm-join -n '__swarm_join_runs' -l listen-addr -x -d 'what the Engine listens on (else 0.0.0.0:2377, or [::]:2377)'
complete -c swarm-join -n '__swarm_join_runs' -l data-path-addr -x -d 'address or interface of overlay traffic (else the advertised one)'
complete -c swarm-join -n '__swarm_join_runs' -l data-path-port -x -d 'UDP port of overlay traffic, 1024 to 49151; counts when the swarm is founded (else 4789)'
complete -c swarm-join -n '__swarm_join_runs' -l default-addr-pool -x -d 'networks for overlays; counts when the swarm is founded (else the first that the VPC leaves free)'
complete -c swarm-join -n '__swarm_join_runs' -l availability -x -a 'active pause drain' -d 'active, pause or drain, from the moment of joining (else active)'
complete -c swarm-join -n '__swarm_join_runs' -l label-tags -x -d 'tags of an instance that its node gets as labels, swarm-join.tag.KEY'
complete -c swarm-join -n '__swarm_join_on "leave" "plan leave"' -l if-terminating -d 'of leave: only if this machine is told to go (by Auto Scaling, a spot notice, or EC2)'
complete -c swarm-join -n '__swarm_join_on "recover" "plan recover"' -l yes -d 'of recover: do it; without, it only says what it would do'
complete -c swarm-join -n '__swarm_join_runs' -l abandon-tasks -d 'a worker whose swarm was replaced, or has removed it, joins anew; the tasks that run on it are lost'
complete -c swarm-join -n '__swarm_join_runs' -l timeout -x -d 'give up after this long (exit 3, or that of what stood in the way); 90s, 10m, 1h30m'
complete -c swarm-join -n '__swarm_join_on "keep"' -l interval -x -d 'of keep: how often it looks at its own Engine, 5s to 10m'
complete -c swarm-join -n '__swarm_join_on "" "join" "keep" "leave" "recover" "plan" "plan join" "plan keep" "plan leave" "plan recover" "plan --observation"' -l dry-run -d 'say what it would do and why, and change nothing'
complete -c swarm-join -n '__swarm_join_runs; or __swarm_join_on "plan --observation"' -l json -d 'print the result as one JSON object'
complete -c swarm-join -n '__swarm_join_runs; or __swarm_join_on "plan --observation"' -l log-format -x -a 'auto text json' -d 'of stderr: text, json, or auto (json under systemd, else text)'
complete -c swarm-join -n '__swarm_join_runs; or __swarm_join_on "plan --observation"' -l log-level -x -a 'error warn info debug' -d 'error, warn, info or debug'
complete -c swarm-join -n '__swarm_join_runs' -l s3-sse -x -a 'AES256 aws:kms' -d 'how S3 encrypts what is written: AES256 or aws:kms (else as the bucket says)'
complete -c swarm-join -n '__swarm_join_runs' -l s3-kms-key -x -d 'encrypt with this KMS key; means --s3-sse aws:kms (else with AWS\'s own)'
complete -c swarm-join -n '__swarm_join_runs' -l s3-bucket-owner -x -d 'the account that the bucket must belong to (else the instance\'s)'
complete -c swarm-join -n '__swarm_join_runs' -l config -r -F -d 'settings of all commands, a variable a line; flags and the environment win over it'
complete -c swarm-join -n '__swarm_join_runs' -l imds-v1 -d 'ask the instance\'s metadata without a session token, where IMDSv2 can\'t be had'
complete -c swarm-join -n '__swarm_join_runs' -l lock-file -r -F -d 'one run at a time holds a lock on this file'
complete -c swarm-join -n '__swarm_join_on "keep"' -l metrics-file -r -F -d 'where keep shows how it is, for node_exporter\'s textfile collector; ends in .prom'
complete -c swarm-join -n '__swarm_join_on "plan" "plan --observation"' -l observation -r -F -d 'with plan: decide again from what "plan --json" printed (- for stdin), with no network'
complete -c swarm-join -n '__swarm_join_runs; or __swarm_join_on "plan --observation"' -l version -d 'print the version'
complete -c swarm-join -n '__swarm_join_runs; or __swarm_join_on "plan --observation"' -l help -d 'print this'
